//! ECS's `process`, `user` and `group`.

use crate::{
    alert::{Alert, Ancestor, Process},
    format::{
        object::Object,
        reading::{exact, user_name},
    },
};

pub(super) fn process(alert: &Alert) -> Option<Object> {
    let process = alert.process.as_ref()?;
    let parent = process.ancestors.iter().find(|it| it.level == 1);
    let leader = Object::new().set("name", process.session_name.as_str());
    Some(
        Object::new()
            .set("name", process.name.as_str())
            .set("executable", process.exe_path.as_str())
            .set("command_line", process.command_line.as_str())
            .set("pid", process.pid)
            .set("vpid", process.vpid)
            .set("thread", Object::new().set("id", process.thread_id))
            .set("working_directory", process.working_directory.as_str())
            .set("start", process.start_time.map(exact))
            .set("interactive", process.tty.map(|tty| tty != 0))
            .set("tty", tty(process))
            .set("parent", parent.map(ancestor))
            .set("session_leader", leader),
    )
}

fn ancestor(ancestor: &Ancestor) -> Object {
    Object::new()
        .set("name", ancestor.name.as_str())
        .set("executable", ancestor.exe_path.as_str())
        .set("command_line", ancestor.command_line.as_str())
        .set("pid", ancestor.pid)
}

/// The terminal's device number, taken apart as Linux puts it together.
fn tty(process: &Process) -> Option<Object> {
    let number = process.tty.filter(|tty| *tty > 0)?;
    let device = Object::new()
        .set("major", number >> 8 & 0xfff)
        .set("minor", number & 0xff | number >> 12 & 0xf_ff00);
    Some(Object::new().set("char_device", device))
}

/// The user of the process, or whoever called an API.
pub(super) fn user(alert: &Alert) -> Object {
    let id = alert.user.as_ref().and_then(|it| it.uid);
    Object::new()
        .set("name", user_name(alert))
        .set("id", id.map(|id| id.to_string()))
}

pub(super) fn group(alert: &Alert) -> Option<Object> {
    let group = alert.group.as_ref()?;
    Some(
        Object::new()
            .set("name", group.name.as_str())
            .set("id", group.gid.map(|id| id.to_string())),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_terminal_is_a_device() {
        let process = |tty| Process {
            tty: Some(tty),
            ..Process::default()
        };
        let device = |tty| tty_value(&process(tty));
        assert_eq!(
            device(34816),
            json!({"char_device": {"major": 136, "minor": 0}})
        );
        assert_eq!(
            device(34819),
            json!({"char_device": {"major": 136, "minor": 3}})
        );
        assert_eq!(device(0), Value::Null);
    }

    fn tty_value(process: &Process) -> Value {
        tty(process).into()
    }
}
