//! `pmatch`: whether a path is one of some paths, or below one.

use super::glob::Glob;

/// A path's beginning; its components may be globs.
#[derive(Debug, Clone)]
pub(super) struct PathPrefix {
    absolute: bool,
    components: Vec<Glob>,
}

impl PathPrefix {
    pub(super) fn new<E>(path: &str, glob: impl FnMut(&str) -> Result<Glob, E>) -> Result<Self, E> {
        Ok(Self {
            absolute: path.starts_with('/'),
            components: components(path).map(glob).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn has_pattern(&self) -> bool {
        let mut components = self.components.iter();
        components.any(|component| matches!(component, Glob::Pattern(_)))
    }

    pub(super) fn holds(&self, path: &str) -> bool {
        let mut parts = components(path);
        path.starts_with('/') == self.absolute
            && !path.is_empty()
            && self
                .components
                .iter()
                .all(|component| parts.next().is_some_and(|part| component.matches(part)))
    }
}

/// Slashes that follow each other, or end the path, say nothing.
fn components(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|component| !component.is_empty())
}
