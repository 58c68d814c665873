//! Both evaluators give the same rows.

use crate::generate;

#[test]
fn both_evaluators_agree_on_random_queries() {
    let report = generate::compare(20, 1500);
    let different: Vec<_> = report.different.iter().take(8).cloned().collect();
    assert!(report.different.is_empty(), "{} differ:\n{}", report.different.len(), different.join("\n\n"));
    assert!(report.equal > 1000 && report.with_rows > 350, "{report:?}");
}
