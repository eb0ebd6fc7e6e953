use jiff::Timestamp;
use serde::Serialize;

/// The process that acted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Process {
    /// `proc.name`.
    pub name: String,
    /// `proc.exe`: argv\[0\], which the process chooses itself.
    pub exe: String,
    /// `proc.exepath`: the resolved path of the executable.
    pub exe_path: String,
    /// `proc.cmdline`.
    pub command_line: String,
    /// `proc.pid`.
    pub pid: Option<i64>,
    /// `proc.vpid`: in the innermost pid namespace.
    pub vpid: Option<i64>,
    /// `proc.cwd`.
    pub working_directory: String,
    /// `proc.tty`; 0 is no terminal.
    pub tty: Option<i64>,
    /// `thread.tid`.
    pub thread_id: Option<i64>,
    /// `proc.sname`: the session leader's name.
    pub session_name: String,
    /// `proc.is_exe_upper_layer`, or `EXE_UPPER_LAYER` in `evt.arg.flags`: the
    /// executable is not from the container's image.
    pub exe_upper_layer: Option<bool>,
    /// `proc.is_exe_writable`, or `EXE_WRITABLE` in `evt.arg.flags`.
    pub exe_writable: Option<bool>,
    /// `proc.is_exe_from_memfd`, or `EXE_FROM_MEMFD` in `evt.arg.flags`.
    pub exe_from_memfd: Option<bool>,
    /// `proc.pid.ts`: when it started.
    pub start_time: Option<Timestamp>,
    /// From `proc.p*` (level 1) and `proc.a*[n]`, the nearest first.
    pub ancestors: Vec<Ancestor>,
}

/// A process above the one that acted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Ancestor {
    /// 1 is the parent, 2 the grandparent.
    pub level: u32,
    /// `proc.pname`, `proc.aname[n]`.
    pub name: String,
    /// `proc.pexe`, `proc.aexe[n]`.
    pub exe: String,
    /// `proc.pexepath`, `proc.aexepath[n]`.
    pub exe_path: String,
    /// `proc.pcmdline`, `proc.acmdline[n]`.
    pub command_line: String,
    /// `proc.ppid`, `proc.apid[n]`.
    pub pid: Option<i64>,
}

/// The user that a process acted as.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct User {
    /// `user.name`.
    pub name: String,
    /// `user.uid`; none where Falco says 4294967295, its "unset".
    pub uid: Option<i64>,
    /// `user.loginname`.
    pub login_name: String,
    /// `user.loginuid`; none where Falco says -1, its "unset".
    pub login_uid: Option<i64>,
}

/// The group that a process acted as.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Group {
    /// `group.name`.
    pub name: String,
    /// `group.gid`.
    pub gid: Option<i64>,
}
