use super::{lookup::Lookup, unless_empty};
use crate::alert::KubernetesAudit;

pub(super) fn read(fields: Lookup<'_>) -> Option<KubernetesAudit> {
    if !fields.has("ka.") {
        return None;
    }
    unless_empty(KubernetesAudit {
        user: fields.text("ka.user.name"),
        verb: fields.text("ka.verb"),
        resource: fields.text("ka.target.resource"),
        target_name: fields.text("ka.target.name"),
        target_namespace: fields.text("ka.target.namespace"),
        uri: fields.text("ka.uri"),
        response_code: fields.integer("ka.response.code"),
        response_reason: fields.text("ka.response.reason"),
        source_ips: fields.list("ka.sourceips"),
        user_agent: fields.text("ka.useragent"),
        decision: fields.text("ka.auth.decision"),
    })
}

#[cfg(test)]
mod tests {
    use crate::normalize::groups::tests::groups;

    #[test]
    fn codes_are_read_from_text_and_lists_from_both_forms() {
        for ips in [
            r#"["192.0.2.1", "192.0.2.2"]"#,
            r#""(192.0.2.1,192.0.2.2)""#,
        ] {
            let audit = groups(&format!(
                r#"{{"ka.response.code": "403", "ka.sourceips": {ips}}}"#
            ))
            .audit
            .unwrap();
            assert_eq!(audit.response_code, Some(403));
            assert_eq!(audit.source_ips, ["192.0.2.1", "192.0.2.2"]);
        }
    }
}
