//! Figures in words, the same way everywhere.

use jiff::Timestamp;

/// A number of things: `1 file`, `3 files`, `no files`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    match number {
        0 => format!("no {many}"),
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    }
}

/// Bytes in decimal units, as Docker shows them: `812 B`, `4.1 kB`, `128 MB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = number as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 || value >= 99.95 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// A duration: `340 ms`, `1.2 s`, `48 s`, `3 min 20 s`.
pub fn millis(number: u64) -> String {
    match number {
        0..=999 => format!("{number} ms"),
        1000..=9_949 => format!("{:.1} s", number as f64 / 1000.0),
        9_950..=59_499 => format!("{} s", (number + 500) / 1000),
        _ => {
            let seconds = (number + 500) / 1000;
            match seconds % 60 {
                0 => format!("{} min", seconds / 60),
                rest => format!("{} min {rest} s", seconds / 60),
            }
        }
    }
}

/// How strong a hint is, from 1 to 3.
pub fn strength(number: u8) -> &'static str {
    match number {
        0 | 1 => "A nudge",
        2 => "An explanation",
        _ => "How it can look",
    }
}

/// A moment for people whose script did not run yet: `2026-11-23 06:25 UTC`. The page turns it into local time.
pub fn moment(at: &Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_read_like_words() {
        assert_eq!(count(0, "file", "files"), "no files");
        assert_eq!(count(1, "file", "files"), "1 file");
        assert_eq!(count(2, "file", "files"), "2 files");
    }

    #[test]
    fn bytes_keep_three_figures_at_most() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1000), "1.0 kB");
        assert_eq!(bytes(4_123), "4.1 kB");
        assert_eq!(bytes(128_400_000), "128 MB");
        assert_eq!(bytes(999_600), "1.0 MB");
        assert_eq!(bytes(u64::MAX), "18446744 TB");
    }

    #[test]
    fn durations_grow_coarser() {
        assert_eq!(millis(340), "340 ms");
        assert_eq!(millis(1_240), "1.2 s");
        assert_eq!(millis(9_990), "10 s");
        assert_eq!(millis(48_000), "48 s");
        assert_eq!(millis(59_600), "1 min");
        assert_eq!(millis(200_000), "3 min 20 s");
    }
}
