//! The Public Suffix List as text that `web/firebird/src/site.js` searches: how many rules lie before every 64th
//! bucket, how many in each of 4,096 buckets, then the rules, in three characters of six bits each.
//!
//! Of a rule's hash the first 12 bits are its bucket and the next 18 are kept, so that a name that is no rule is taken
//! for one once in about 100,000.

const N_BUCKETS: usize = 4096;
/// How many buckets share one count of all rules before them.
const GROUP: usize = 64;
/// Digits are the 64 characters from this one on.
const ZERO: u8 = b'0';

/// Packs the rules of a list: one a line, in ASCII, comments behind `//`.
pub(super) fn pack(list: &str) -> Result<String, String> {
    let mut buckets = vec![Vec::new(); N_BUCKETS];
    for rule in list.lines().filter(|line| !line.is_empty() && !line.starts_with("//")) {
        if !rule.is_ascii() {
            return Err(format!("rule {rule:?}: not in Punycode"));
        }
        let hash = hash(rule);
        buckets[(hash >> 20) as usize].push((hash >> 2) & 0x3ffff);
    }
    buckets.iter_mut().for_each(|bucket| bucket.sort_unstable());
    let mut packed = Vec::new();
    let mut n_before = 0;
    for group in buckets.chunks(GROUP) {
        push(&mut packed, n_before)?;
        n_before += count(group.iter().map(Vec::len).sum())?;
    }
    for bucket in &buckets {
        packed.push(digit(count(bucket.len())?)?);
    }
    for rest in buckets.iter().flatten() {
        push(&mut packed, *rest)?;
    }
    String::from_utf8(packed).map_err(|e| e.to_string())
}

fn count(n: usize) -> Result<u32, String> {
    u32::try_from(n).map_err(|e| e.to_string())
}

/// Appends a number of 18 bits as three digits.
fn push(packed: &mut Vec<u8>, value: u32) -> Result<(), String> {
    for part in [value >> 12, (value >> 6) & 63, value & 63] {
        packed.push(digit(part)?);
    }
    Ok(())
}

fn digit(value: u32) -> Result<u8, String> {
    match u8::try_from(value) {
        Ok(value @ 0..64) => Ok(ZERO + value),
        _ => Err(format!("{value} rules: too many for a digit below 64")),
    }
}

/// FNV-1a, then the last steps of MurmurHash3, as in `site.js`.
fn hash(text: &str) -> u32 {
    let mut h = text.bytes().fold(0x811c_9dc5_u32, |h, byte| (h ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_lies_in_its_bucket() {
        let packed = pack("// why\ncom\n*.ck\n!www.ck\n").unwrap();
        assert_eq!(packed.len(), 3 * N_BUCKETS / GROUP + N_BUCKETS + 9);
        let counts = &packed.as_bytes()[3 * N_BUCKETS / GROUP..];
        assert_eq!(counts[(hash("*.ck") >> 20) as usize], ZERO + 1);
        assert!(pack("münchen.example").is_err());
    }
}
