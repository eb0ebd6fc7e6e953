use super::{lookup::Lookup, unless_empty};
use crate::alert::{Group, User};

/// -1 as an unsigned 32-bit number: how Falco says that there is no user.
const UNSET: i64 = 0xFFFF_FFFF;

pub(super) fn read(fields: Lookup<'_>) -> Option<User> {
    let id = |key| fields.integer(key).filter(|id| ![-1, UNSET].contains(id));
    unless_empty(User {
        name: fields.text("user.name"),
        uid: id("user.uid"),
        login_name: fields.text("user.loginname"),
        login_uid: id("user.loginuid"),
    })
}

pub(super) fn read_group(fields: Lookup<'_>) -> Option<Group> {
    unless_empty(Group {
        name: fields.text("group.name"),
        gid: fields
            .integer("group.gid")
            .filter(|gid| ![-1, UNSET].contains(gid)),
    })
}

#[cfg(test)]
mod tests {
    use crate::{
        alert::{Group, User},
        normalize::groups::tests::groups,
    };

    #[test]
    fn numbers_that_mean_unset_are_no_ids() {
        let groups = groups(
            r#"{"user.uid": 0, "user.loginuid": -1, "user.name": "root",
                "group.gid": 4294967295, "group.name": "wheel"}"#,
        );
        assert_eq!(
            groups.user,
            Some(User {
                name: "root".into(),
                uid: Some(0),
                ..User::default()
            })
        );
        assert_eq!(
            groups.group,
            Some(Group {
                name: "wheel".into(),
                gid: None
            })
        );
    }
}
