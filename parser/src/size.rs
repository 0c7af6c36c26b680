//! Sizes as Docker writes them: `64m`, `1.5GiB`, `100`.

/// Reads a number of bytes. Units are powers of 1024 and any case; `b`, `ib` may follow.
pub fn parse(text: &str) -> Option<u64> {
    let number_end = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ')? + 1;
    let (number, unit) = text.split_at_checked(number_end)?;
    let number = number.strip_suffix(' ').unwrap_or(number);
    let plain = number.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == '+');
    let size = number.parse::<f64>().ok().filter(|_| plain)?;
    let bytes = size * multiplier(&unit.to_ascii_lowercase())?;
    // The cast saturates; a size this large is no limit at all.
    (bytes.is_finite() && bytes < 9.2e18).then_some(bytes as u64)
}

fn multiplier(unit: &str) -> Option<f64> {
    let letter = match unit {
        "" | "b" => return Some(1.0),
        _ => unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(unit),
    };
    let power = match letter {
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    Some(1024_f64.powi(power))
}
