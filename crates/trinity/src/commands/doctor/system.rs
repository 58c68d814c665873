//! What the operating system says of itself, where it says anything; Linux's files.

use std::fs;

use serde::Serialize;

/// This machine as its system describes it; `None` where the system does not say.
#[derive(Serialize)]
pub(in crate::commands) struct System {
    pub(super) processor: Option<String>,
    pub(super) cores_online: Option<usize>,
    /// Cores that the affinity of this process allows.
    pub(super) cores_allowed: Option<usize>,
    /// CPU time that the cgroup gives; `None` is no limit, too.
    pub(super) quota_cores: Option<f64>,
    pub(super) memory_bytes: Option<u64>,
    pub(in crate::commands) available_bytes: Option<u64>,
    /// Transparent huge pages: `always`, `madvise` or `never`.
    pub(super) huge_pages: Option<String>,
}

impl System {
    pub(in crate::commands) fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).ok();
        let memory = read("/proc/meminfo");
        let kilobytes = |key| Some(field(memory.as_deref()?, key)?.split(' ').next()?.parse::<u64>().ok()? << 10);
        Self {
            processor: read("/proc/cpuinfo").and_then(|text| field(&text, "model name").map(str::to_owned)),
            cores_online: read("/sys/devices/system/cpu/online").and_then(|list| count(list.trim())),
            cores_allowed: read("/proc/self/status").and_then(|text| count(field(&text, "Cpus_allowed_list")?)),
            quota_cores: read("/proc/self/cgroup").and_then(|text| quota(&text, &read)),
            memory_bytes: kilobytes("MemTotal"),
            available_bytes: kilobytes("MemAvailable"),
            huge_pages: read("/sys/kernel/mm/transparent_hugepage/enabled").and_then(|text| chosen(&text)),
        }
    }
}

/// The value of the first line `key : value`.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(':').map(str::trim))
}

/// How many numbers a list like `0-3,8` names.
fn count(list: &str) -> Option<usize> {
    list.split(',').try_fold(0, |n, range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        Some(n + last.checked_sub(first)? + 1)
    })
}

/// The word in brackets.
fn chosen(text: &str) -> Option<String> {
    Some(text.split_once('[')?.1.split_once(']')?.0.to_owned())
}

/// The least quota of the cgroup (version 2) and those above it.
fn quota(cgroup: &str, read: &dyn Fn(&str) -> Option<String>) -> Option<f64> {
    let mut path = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?.trim_end_matches('/');
    let mut least: Option<f64> = None;
    loop {
        let max = read(&format!("/sys/fs/cgroup{path}/cpu.max"));
        let cores = max.as_deref().and_then(|max| {
            let (quota, period) = max.trim().split_once(' ')?;
            Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?)
        });
        least = match (least, cores) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let Some((above, _)) = path.rsplit_once('/') else { return least };
        path = above;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_understood() {
        assert_eq!(field("a\t: b c\nmodel name\t: X 9\n", "model name"), Some("X 9"));
        assert_eq!(field("MemTotal:       12 kB\n", "MemTotal"), Some("12 kB"));
        assert_eq!((count("0-3,8"), count("5"), count("3-1"), count("x")), (Some(5), Some(1), None, None));
        assert_eq!(chosen("always [madvise] never\n"), Some("madvise".to_owned()));
        let files = |path: &str| match path {
            "/sys/fs/cgroup/a/b/cpu.max" => Some("max 100000\n".to_owned()),
            "/sys/fs/cgroup/a/cpu.max" => Some("150000 100000\n".to_owned()),
            "/sys/fs/cgroup/cpu.max" => Some("400000 100000\n".to_owned()),
            _ => None,
        };
        assert_eq!(quota("0::/a/b\n", &files), Some(1.5));
        assert_eq!(quota("0::/\n", &files), Some(4.0));
        assert_eq!(quota("0::/a/b\n", &|_| None), None);
        assert_eq!(quota("1:cpu:/x\n", &files), None);
    }
}
