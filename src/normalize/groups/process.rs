use std::collections::BTreeMap;

use super::{
    argument,
    lookup::{self, Lookup},
    unless_empty,
};
use crate::alert::{Ancestor, FieldValue, Process};

/// More ancestors than this no process has; what names one is no level.
const MAX_LEVEL: u32 = 256;

pub(super) fn read(fields: Lookup<'_>) -> Option<Process> {
    if !fields.has("proc.") && !fields.has("thread.") {
        return None;
    }
    unless_empty(Process {
        name: fields.text("proc.name"),
        exe: fields.text("proc.exe"),
        exe_path: fields.text("proc.exepath"),
        command_line: fields.text("proc.cmdline"),
        pid: fields.integer("proc.pid"),
        vpid: fields.integer("proc.vpid"),
        working_directory: fields.text("proc.cwd"),
        tty: fields.integer("proc.tty"),
        thread_id: fields.integer("thread.tid"),
        session_name: fields.text("proc.sname"),
        exe_upper_layer: exe_flag(fields, "proc.is_exe_upper_layer", "EXE_UPPER_LAYER"),
        exe_writable: exe_flag(fields, "proc.is_exe_writable", "EXE_WRITABLE"),
        exe_from_memfd: exe_flag(fields, "proc.is_exe_from_memfd", "EXE_FROM_MEMFD"),
        start_time: fields.time("proc.pid.ts"),
        ancestors: ancestors(fields),
    })
}

/// What the field says, else that the flag was set. A flag that is not set says
/// nothing: older Falcos do not know all of them.
fn exe_flag(fields: Lookup<'_>, key: &str, flag: &str) -> Option<bool> {
    fields.flag(key).or_else(|| {
        let flags = fields.value("evt.arg.flags")?.as_str()?;
        flags
            .split('|')
            .any(|set| set.trim() == flag)
            .then_some(true)
    })
}

/// From `proc.p*`, which is level 1, and `proc.a*[n]`.
fn ancestors(fields: Lookup<'_>) -> Vec<Ancestor> {
    let mut levels = BTreeMap::new();
    for (key, value) in fields.with_prefix("proc.a") {
        for part in PARTS {
            if let Some(level) = level(key, part.of_ancestor) {
                part.put(at(&mut levels, level), value);
            }
        }
    }
    for part in PARTS {
        if let Some(value) = fields.value(part.of_parent) {
            part.put(at(&mut levels, 1), value);
        }
    }
    let filled = levels.into_values().filter(|ancestor| {
        let nothing = Ancestor {
            level: ancestor.level,
            ..Ancestor::default()
        };
        *ancestor != nothing
    });
    filled.collect()
}

/// `n` of `proc.aname[n]`, or of falcosidekick's spelling `proc.aname_n`. Level 0
/// is the process itself.
fn level(key: &str, base: &str) -> Option<u32> {
    argument(key, base)
        .or_else(|| key.strip_prefix(base)?.strip_prefix('_'))
        .and_then(|level| level.parse().ok())
        .filter(|level| (1..=MAX_LEVEL).contains(level))
}

fn at(levels: &mut BTreeMap<u32, Ancestor>, level: u32) -> &mut Ancestor {
    levels.entry(level).or_insert_with(|| Ancestor {
        level,
        ..Ancestor::default()
    })
}

/// One of the things that Falco tells of an ancestor.
#[derive(Clone, Copy)]
struct Part {
    of_parent: &'static str,
    of_ancestor: &'static str,
    slot: Slot,
}

#[derive(Clone, Copy)]
enum Slot {
    Text(fn(&mut Ancestor) -> &mut String),
    Pid,
}

impl Part {
    fn put(self, ancestor: &mut Ancestor, value: &FieldValue) {
        match self.slot {
            Slot::Text(text) => *text(ancestor) = lookup::text(value).into_owned(),
            Slot::Pid => ancestor.pid = lookup::integer(value),
        }
    }
}

const PARTS: [Part; 5] = [
    Part {
        of_parent: "proc.pname",
        of_ancestor: "proc.aname",
        slot: Slot::Text(|ancestor| &mut ancestor.name),
    },
    Part {
        of_parent: "proc.pexe",
        of_ancestor: "proc.aexe",
        slot: Slot::Text(|ancestor| &mut ancestor.exe),
    },
    Part {
        of_parent: "proc.pexepath",
        of_ancestor: "proc.aexepath",
        slot: Slot::Text(|ancestor| &mut ancestor.exe_path),
    },
    Part {
        of_parent: "proc.pcmdline",
        of_ancestor: "proc.acmdline",
        slot: Slot::Text(|ancestor| &mut ancestor.command_line),
    },
    Part {
        of_parent: "proc.ppid",
        of_ancestor: "proc.apid",
        slot: Slot::Pid,
    },
];

#[cfg(test)]
mod tests {
    use crate::normalize::groups::tests::groups;

    #[test]
    fn ancestors_are_gathered_by_level() {
        let process = groups(
            r#"{"proc.pname": "sh", "proc.pexepath": "/bin/sh", "proc.ppid": 12,
                "proc.aname[3]": "init", "proc.aname[2]": "containerd", "proc.apid[2]": "7",
                "proc.aname[4]": null, "proc.aname[0]": "self", "proc.aname[x]": "y",
                "proc.acmdline_3": "init 5", "proc.args": "z"}"#,
        )
        .process
        .unwrap();
        let ancestors: Vec<_> = process
            .ancestors
            .iter()
            .map(|a| (a.level, a.name.as_str(), a.command_line.as_str(), a.pid))
            .collect();
        assert_eq!(
            ancestors,
            [
                (1, "sh", "", Some(12)),
                (2, "containerd", "", Some(7)),
                (3, "init", "init 5", None),
            ]
        );
        assert_eq!(process.ancestors[0].exe_path, "/bin/sh");
    }

    #[test]
    fn flags_stand_in_for_the_booleans_where_they_are_set() {
        let process = groups(
            r#"{"proc.name": "x", "evt.arg.flags": "EXE_WRITABLE|EXE_UPPER_LAYER",
                "proc.is_exe_writable": false}"#,
        )
        .process
        .unwrap();
        assert_eq!(process.exe_upper_layer, Some(true));
        assert_eq!(process.exe_writable, Some(false), "the field wins");
        assert_eq!(process.exe_from_memfd, None);
    }
}
