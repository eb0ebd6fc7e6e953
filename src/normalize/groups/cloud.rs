use super::{lookup::Lookup, unless_empty};
use crate::alert::Cloud;

pub(super) fn read(fields: Lookup<'_>) -> Option<Cloud> {
    let (provider, call) = if fields.has("ct.") {
        ("aws", aws(fields))
    } else if fields.has("gcp.") {
        ("gcp", gcp(fields))
    } else if fields.has("okta.") {
        ("okta", okta(fields))
    } else if fields.has("github.") {
        ("github", github(fields))
    } else {
        return None;
    };
    unless_empty(call).map(|call| Cloud {
        provider: provider.to_owned(),
        ..call
    })
}

fn aws(fields: Lookup<'_>) -> Cloud {
    Cloud {
        account: fields.first_text(&["ct.user.accountid", "ct.recipientaccountid"]),
        region: fields.text("ct.region"),
        service: fields.text("ct.src"),
        operation: fields.text("ct.name"),
        user: fields.text("ct.user"),
        source_ip: fields.text("ct.srcip"),
        user_agent: fields.text("ct.useragent"),
        error: fields.first_text(&["ct.error", "ct.errormessage"]),
        ..Cloud::default()
    }
}

fn gcp(fields: Lookup<'_>) -> Cloud {
    Cloud {
        account: fields.text("gcp.projectId"),
        region: fields.text("gcp.location"),
        service: fields.text("gcp.serviceName"),
        operation: fields.text("gcp.methodName"),
        user: fields.text("gcp.user"),
        source_ip: fields.text("gcp.callerIP"),
        user_agent: fields.text("gcp.userAgent"),
        ..Cloud::default()
    }
}

fn okta(fields: Lookup<'_>) -> Cloud {
    let failed = fields.text("okta.result") == "FAILURE";
    Cloud {
        account: fields.text("okta.org"),
        service: fields.text("okta.app"),
        operation: fields.text("okta.evt.type"),
        user: fields.first_text(&["okta.actor.name", "okta.actor.alternateid"]),
        source_ip: fields.text("okta.client.ip"),
        user_agent: fields.text("okta.useragent.raw"),
        error: if failed {
            fields.first_text(&["okta.reason", "okta.result"])
        } else {
            String::new()
        },
        ..Cloud::default()
    }
}

fn github(fields: Lookup<'_>) -> Cloud {
    let kind = fields.text("github.type");
    let action = fields.text("github.action");
    let both = !kind.is_empty() && !action.is_empty();
    Cloud {
        account: fields.first_text(&["github.org", "github.owner"]),
        // As GitHub's own audit log writes it: `repository.created`.
        operation: [kind, action].join(if both { "." } else { "" }),
        user: fields.text("github.user"),
        ..Cloud::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::groups::tests::groups;

    fn cloud(json: &str) -> Cloud {
        groups(json).cloud.unwrap()
    }

    #[test]
    fn each_plugin_fills_the_same_places() {
        let aws = cloud(
            r#"{"ct.name": "ConsoleLogin", "ct.user": "u", "ct.user.accountid": "1",
                "ct.srcip": "192.0.2.1", "ct.error": null, "ct.errormessage": "denied"}"#,
        );
        assert_eq!(
            (
                aws.provider.as_str(),
                aws.operation.as_str(),
                aws.error.as_str()
            ),
            ("aws", "ConsoleLogin", "denied")
        );
        let gcp = cloud(r#"{"gcp.projectId": "p", "gcp.callerIP": "192.0.2.1"}"#);
        assert_eq!(
            (gcp.account.as_str(), gcp.source_ip.as_str()),
            ("p", "192.0.2.1")
        );
        let okta =
            cloud(r#"{"okta.actor.name": "n", "okta.result": "FAILURE", "okta.reason": "locked"}"#);
        assert_eq!((okta.user.as_str(), okta.error.as_str()), ("n", "locked"));
        let github = cloud(r#"{"github.type": "repository", "github.action": "created"}"#);
        assert_eq!(github.operation, "repository.created");
        assert_eq!(cloud(r#"{"github.type": "push"}"#).operation, "push");
    }

    #[test]
    fn a_plugin_without_values_is_no_call() {
        assert_eq!(groups(r#"{"ct.name": null}"#).cloud, None);
    }
}
