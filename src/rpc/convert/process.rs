use super::{time, timestamp};
use crate::{
    alert::{Ancestor, Group, Process, User},
    pb,
};

impl From<&Process> for pb::Process {
    fn from(process: &Process) -> Self {
        Self {
            name: process.name.clone(),
            exe: process.exe.clone(),
            exe_path: process.exe_path.clone(),
            command_line: process.command_line.clone(),
            pid: process.pid,
            vpid: process.vpid,
            working_directory: process.working_directory.clone(),
            tty: process.tty,
            thread_id: process.thread_id,
            session_name: process.session_name.clone(),
            exe_upper_layer: process.exe_upper_layer,
            exe_writable: process.exe_writable,
            exe_from_memfd: process.exe_from_memfd,
            start_time: process.start_time.map(timestamp),
            ancestors: process.ancestors.iter().map(Into::into).collect(),
        }
    }
}

impl From<pb::Process> for Process {
    fn from(process: pb::Process) -> Self {
        Self {
            name: process.name,
            exe: process.exe,
            exe_path: process.exe_path,
            command_line: process.command_line,
            pid: process.pid,
            vpid: process.vpid,
            working_directory: process.working_directory,
            tty: process.tty,
            thread_id: process.thread_id,
            session_name: process.session_name,
            exe_upper_layer: process.exe_upper_layer,
            exe_writable: process.exe_writable,
            exe_from_memfd: process.exe_from_memfd,
            start_time: process.start_time.as_ref().and_then(time),
            ancestors: process.ancestors.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<&Ancestor> for pb::Ancestor {
    fn from(ancestor: &Ancestor) -> Self {
        Self {
            level: ancestor.level,
            name: ancestor.name.clone(),
            exe: ancestor.exe.clone(),
            exe_path: ancestor.exe_path.clone(),
            command_line: ancestor.command_line.clone(),
            pid: ancestor.pid,
        }
    }
}

impl From<pb::Ancestor> for Ancestor {
    fn from(ancestor: pb::Ancestor) -> Self {
        Self {
            level: ancestor.level,
            name: ancestor.name,
            exe: ancestor.exe,
            exe_path: ancestor.exe_path,
            command_line: ancestor.command_line,
            pid: ancestor.pid,
        }
    }
}

impl From<&User> for pb::User {
    fn from(user: &User) -> Self {
        Self {
            name: user.name.clone(),
            uid: user.uid,
            login_name: user.login_name.clone(),
            login_uid: user.login_uid,
        }
    }
}

impl From<pb::User> for User {
    fn from(user: pb::User) -> Self {
        Self {
            name: user.name,
            uid: user.uid,
            login_name: user.login_name,
            login_uid: user.login_uid,
        }
    }
}

impl From<&Group> for pb::Group {
    fn from(group: &Group) -> Self {
        Self {
            name: group.name.clone(),
            gid: group.gid,
        }
    }
}

impl From<pb::Group> for Group {
    fn from(group: pb::Group) -> Self {
        Self {
            name: group.name,
            gid: group.gid,
        }
    }
}
