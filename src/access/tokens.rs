use std::{collections::HashMap, fmt, fs};

use super::{AccessError, Token};

/// A shorter token could be guessed.
pub(super) const SHORTEST: usize = 16;

/// Tokens from files, of which only hashes are kept: they cannot be printed, and where one
/// is found says nothing about the others.
#[derive(Default)]
pub(super) struct Tokens {
    owners: HashMap<blake3::Hash, String>,
}

impl Tokens {
    /// Reads all files.
    pub(super) fn read(tokens: &[Token]) -> Result<Self, AccessError> {
        let mut owners = HashMap::new();
        for token in tokens {
            let wrong = |problem: String| AccessError::Token {
                name: token.name.clone(),
                problem,
            };
            let path = token.file.display();
            let text = fs::read_to_string(&token.file)
                .map_err(|error| wrong(format!("failed to read {path}: {error}")))?;
            let words = words(&text).map_err(|problem| wrong(format!("in {path}, {problem}")))?;
            for word in words {
                let other = owners.insert(blake3::hash(word.as_bytes()), token.name.clone());
                if let Some(other) = other.filter(|other| *other != token.name) {
                    return Err(wrong(format!("a token in {path} is {other:?}'s already")));
                }
            }
        }
        Ok(Self { owners })
    }

    /// Whose the token with this hash is.
    pub(super) fn owner(&self, hash: &blake3::Hash) -> Option<&str> {
        self.owners.get(hash).map(String::as_str)
    }
}

/// The tokens in the text of a file: there is one at least.
pub(super) fn words(text: &str) -> Result<Vec<&str>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let words: Vec<_> = lines.collect();
    if words.is_empty() {
        return Err("there is no token: write one on a line".to_owned());
    }
    for word in &words {
        check(word)?;
    }
    Ok(words)
}

fn check(word: &str) -> Result<(), String> {
    if word.bytes().any(|byte| byte.is_ascii_whitespace()) {
        return Err("a line has several words: a token is one".to_owned());
    }
    if word.len() < SHORTEST {
        return Err(format!(
            "a token is shorter than {SHORTEST} characters and could be guessed: make one with \
             `openssl rand -hex 32`"
        ));
    }
    Ok(())
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.owners.len())
    }
}
