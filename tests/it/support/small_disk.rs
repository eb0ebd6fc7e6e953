//! A disk that is full soon, for one process.

use std::path::{Path, PathBuf};

use tokio::process::Command;

/// Runs `inner` with a disk of `size` at `place`. Of that, `ballast` is taken by a file
/// that [`make_room`] removes.
pub(crate) fn mounted(place: &Path, size: &str, ballast: &str, inner: &Command) -> Command {
    let inner = inner.as_std();
    let mut command = Command::new("unshare");
    let script = format!(
        r#"mount -t tmpfs -o size={size} none "$0" && head -c {ballast} /dev/zero > "$0/ballast" && exec "$@""#
    );
    command
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .arg(place)
        .arg(inner.get_program())
        .args(inner.get_args());
    command
}

/// Whether this system lets a test mount something; says so if not.
pub(crate) fn can_mount() -> bool {
    let tried = std::process::Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c"])
        .arg("mount -t tmpfs none /tmp")
        .status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        eprintln!(
            "skipped: this system does not let a user mount (unshare --map-root-user --mount)"
        );
    }
    can
}

/// `path`, as the process sees it.
pub(crate) fn seen_by(process: u32, path: &Path) -> PathBuf {
    format!("/proc/{process}/root{}", path.display()).into()
}

/// Removes the ballast at `place`.
pub(crate) fn make_room(process: u32, place: &Path) {
    std::fs::remove_file(seen_by(process, &place.join("ballast"))).unwrap();
}
