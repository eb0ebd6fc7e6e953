use std::fmt;

use super::{
    ast::{Operator, Transform},
    field::Field,
    quote::Value,
};

/// A checked comparison in its normal form. Equal ones have equal results, so
/// one result can serve all filters that share it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Predicate {
    pub(super) field: Field,
    /// The innermost first.
    pub(super) transforms: Vec<Transform>,
    pub(super) operator: Operator,
    pub(super) values: Vec<String>,
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for transform in self.transforms.iter().rev() {
            write!(f, "{}(", transform.as_str())?;
        }
        write!(f, "{}{} ", self.field, ")".repeat(self.transforms.len()))?;
        f.write_str(self.operator.as_str())?;
        if self.operator.takes_list() {
            f.write_str(" (")?;
            for (index, value) in self.values.iter().enumerate() {
                let separator = if index == 0 { "" } else { ", " };
                write!(f, "{separator}{}", Value(value))?;
            }
            return f.write_str(")");
        }
        for value in &self.values {
            write!(f, " {}", Value(value))?;
        }
        Ok(())
    }
}
