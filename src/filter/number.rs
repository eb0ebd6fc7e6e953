//! Numbers that compare exactly, whatever type carried them.

use std::cmp::Ordering;

/// A number by its decimal digits. A double stands for the shortest decimal that
/// reads back as it, so `0.1` equals the double 0.1, and no integer is rounded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Number {
    /// Every integer of up to 38 digits, so that each number has one form.
    Integer(i128),
    /// Anything else.
    Decimal(Decimal),
}

/// `0.digits × 10^point`, without zeros at either end of the digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Decimal {
    negative: bool,
    point: i64,
    digits: String,
}

impl Number {
    /// Reads Falco's notations: decimal, with fraction and exponent, and `0x`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Ok(integer) = text.parse::<i64>() {
            return Some(Self::Integer(i128::from(integer)));
        }
        let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        if let Some(digits) = hexadecimal {
            let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            return (plain && digits.len() <= MAX_HEX_DIGITS)
                .then(|| i128::from_str_radix(digits, 16).ok())
                .flatten()
                .map(Self::Integer);
        }
        Self::parse_decimal(text)
    }

    fn parse_decimal(text: &str) -> Option<Self> {
        let negative = text.starts_with('-');
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let digits = [whole, fraction].concat();
        let significant = digits.trim_start_matches('0');
        let leading = digits.len() - significant.len();
        let point =
            i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()? + i64::from(exponent);
        let significant = significant.trim_end_matches('0');
        Some(Self::from_digits(negative, significant, point))
    }

    fn from_digits(negative: bool, digits: &str, point: i64) -> Self {
        if digits.is_empty() {
            return Self::Integer(0);
        }
        let zeros = usize::try_from(point)
            .ok()
            .filter(|point| *point <= MAX_INTEGER_DIGITS)
            .and_then(|point| point.checked_sub(digits.len()));
        let integer = zeros.and_then(|zeros| {
            let sign = if negative { "-" } else { "" };
            [sign, digits, &"0".repeat(zeros)].concat().parse().ok()
        });
        match integer {
            Some(integer) => Self::Integer(integer),
            None => Self::Decimal(Decimal {
                negative,
                point,
                digits: digits.to_owned(),
            }),
        }
    }

    /// None for what is no number: infinities and NaN.
    pub(super) fn from_f64(double: f64) -> Option<Self> {
        double
            .is_finite()
            .then(|| format!("{double:e}"))
            .and_then(|text| Self::parse_decimal(&text))
    }

    fn parts(&self) -> Parts<'_> {
        match self {
            Self::Integer(integer) => {
                let digits = integer.unsigned_abs().to_string();
                Parts {
                    sign: integer.signum(),
                    point: i64::try_from(digits.len()).unwrap_or(i64::MAX),
                    digits: digits.trim_end_matches('0').to_owned().into(),
                }
            }
            Self::Decimal(decimal) => Parts {
                sign: if decimal.negative { -1 } else { 1 },
                point: decimal.point,
                digits: decimal.digits.as_str().into(),
            },
        }
    }
}

struct Parts<'a> {
    sign: i128,
    point: i64,
    digits: std::borrow::Cow<'a, str>,
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Self::Integer(a), Self::Integer(b)) = (self, other) {
            return a.cmp(b);
        }
        let (a, b) = (self.parts(), other.parts());
        let magnitude = || a.point.cmp(&b.point).then_with(|| a.digits.cmp(&b.digits));
        a.sign.cmp(&b.sign).then_with(|| match a.sign {
            0 => Ordering::Equal,
            1 => magnitude(),
            _ => magnitude().reverse(),
        })
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As many as fit an i128 whatever they are.
const MAX_INTEGER_DIGITS: usize = 38;
/// As many as stay below 38 decimal digits.
const MAX_HEX_DIGITS: usize = 31;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Number;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn numbers_are_ordered_exactly() {
        let ascending = [
            "-1e400",
            "-9223372036854775809",
            "-9223372036854775808",
            "-2",
            "-1.5",
            "-1e-400",
            "0",
            "1e-400",
            "0.1",
            "0.10000000000000000001",
            "1",
            "1.5",
            "15",
            "9007199254740992",
            "9007199254740993",
            "9223372036854775807",
            "9223372036854775807.5",
            "18446744073709551615",
            "18446744073709551616",
            "170141183460469231731687303715884105728",
            "1e39",
            "1.00000001e39",
            "1e400",
        ];
        for (i, a) in ascending.iter().enumerate() {
            for (j, b) in ascending.iter().enumerate() {
                assert_eq!(number(a).cmp(&number(b)), i.cmp(&j), "{a} {b}");
            }
        }
    }

    #[test]
    fn equal_numbers_have_one_form() {
        for same in [
            &["0", "-0", "+0", "0.0", "0e9", "0x0", "00"][..],
            &[
                "31", "0x1f", "0X1F", "31.0", "3.1e1", "3.1E+1", "310e-1", "+31", "031",
            ],
            &["1e20", "100000000000000000000", "100000000000000000000.000"],
            &["0.5", "5e-1", "0.50", "00.5"],
            &[
                "1e50",
                "10e49",
                "1000000000000000000000000000000000000000e11",
            ],
        ] {
            for text in same {
                assert_eq!(number(text), number(same[0]), "{text}");
            }
        }
        assert_eq!(Number::from_f64(0.1), Some(number("0.1")));
        assert_eq!(Number::from_f64(1e19), Some(number("10000000000000000000")));
        assert_eq!(Number::from_f64(-0.0), Some(number("0")));
        assert_eq!(Number::from_f64(f64::NAN), None);
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in [
            "",
            "-",
            "+",
            ".",
            ".5",
            "e5",
            "1e",
            "1e+",
            "0x",
            "0xg",
            "-0x1",
            "0x-1",
            "1.2.3",
            "1_0",
            "５",
            "inf",
            "NaN",
            "1e99999999999",
            "--1",
            " 1",
            "0x00000000000000000000000000000001",
        ] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn doubles_order_as_doubles_do(a: f64, b: f64) {
            let numbers = Number::from_f64(a).zip(Number::from_f64(b));
            if let Some((x, y)) = numbers {
                prop_assert_eq!(Some(x.cmp(&y)), a.partial_cmp(&b));
            }
        }

        #[test]
        fn any_text_is_harmless(text: String, digits in "[-+]?[0-9.eExX]{0,50}") {
            let _ = Number::parse(&text);
            let _ = Number::parse(&digits);
        }
    }
}
