//! Reading page by page.

use super::*;

#[tokio::test]
async fn pages_put_together_are_the_history_either_way_round() {
    let bench = Bench::new();
    for index in 0..50 {
        bench
            .append(if index % 3 == 0 { "odd" } else { "x" }, 1)
            .await;
    }
    let choice = of_rule("odd");
    for newest_first in [true, false] {
        let mut from = None;
        let mut found = Vec::new();
        loop {
            let wanted = PageRequest {
                choice: &choice,
                since: None,
                until: None,
                newest_first,
                size: 4,
                view: View::Full,
                from,
            };
            let page = bench.delivery.history().page(&wanted).await;
            found.extend(page.entries.iter().map(|entry| entry.position.0));
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        if newest_first {
            found.reverse();
        }
        let expected: Vec<_> = (0..50).step_by(3).map(|index| index + 1).collect();
        assert_eq!(found, expected);
    }
}
