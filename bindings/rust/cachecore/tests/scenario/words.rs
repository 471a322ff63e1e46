//! Words of a step: byte strings, some of them escaped.

pub type Word = Vec<u8>;

/// What stands before the `=`, and what stands after it.
pub fn step(line: &str) -> (Vec<Word>, Vec<Word>) {
    let words: Vec<&str> = line.split(' ').collect();
    let middle = words.iter().position(|word| *word == "=").unwrap_or_else(|| panic!("no `=`: {}", line));
    let all = |words: &[&str]| words.iter().map(|word| unescaped(word)).collect();
    (all(&words[..middle]), all(&words[middle + 1..]))
}

fn unescaped(word: &str) -> Word {
    if word == "\"\"" {
        return Vec::new();
    }
    let (text, times) = match word.rsplit_once('*') {
        Some((text, times)) => (text, times.parse().unwrap()),
        None => (word, 1),
    };
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some(&first) = rest.first() {
        if first == b'\\' {
            assert_eq!(rest[1], b'x', "an escape that is none: {}", word);
            let digits = std::str::from_utf8(&rest[2..4]).unwrap();
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            rest = &rest[4..];
        } else {
            bytes.push(first);
            rest = &rest[1..];
        }
    }
    bytes.repeat(times)
}

/// For people: of a long word its beginning and its length.
pub fn shown(words: &[Word]) -> Vec<String> {
    words
        .iter()
        .map(|word| match word.len() {
            0..=40 => word.escape_ascii().to_string(),
            size => {
                let sum = word.iter().fold(0u64, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
                format!("{}... of {} bytes, hash {:x}", word[..40].escape_ascii(), size, sum)
            }
        })
        .collect()
}

pub fn text(word: &[u8]) -> &str {
    std::str::from_utf8(word).unwrap()
}

pub fn number<T: std::str::FromStr>(word: &[u8]) -> T
where
    T::Err: std::fmt::Debug,
{
    text(word).parse().unwrap()
}
