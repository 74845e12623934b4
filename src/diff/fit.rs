//! Whether what is to come fits into the destination's quota (RFC 9208).

use crate::model::counted::counted;
use crate::model::plan::PlanTotals;
use crate::model::server::{Quota, QuotaResource};

/// What a message grows by on its way, as one part in so many: line ends, headers, blocks (5 %).
const GROWTH_PART: u64 = 20;

/// A warning for each quota that the plan does not fit into. Several roots all apply, each on its own; none is no limit.
pub fn fit_quota(quotas: &[Quota], totals: &PlanTotals) -> Vec<String> {
    if totals.copies == 0 {
        return Vec::new();
    }
    quotas.iter().filter_map(|quota| shortage(quota, totals)).collect()
}

/// Why `messages` of `octets` in all do not fit, without any growth. A limit of nothing is none: servers without quotas write
/// it so (Stalwart), and one that were meant would not let anything be stored at all.
pub fn quota_excess(quotas: &[Quota], messages: u64, octets: u64) -> Option<String> {
    let certain = |quota: &Quota| match quota.resource {
        QuotaResource::Storage => octets,
        QuotaResource::Messages => messages,
    };
    quotas.iter().filter(|quota| quota.limit > 0).find_map(|quota| excess(quota, certain(quota)))
}

fn shortage(quota: &Quota, totals: &PlanTotals) -> Option<String> {
    let needed = match quota.resource {
        QuotaResource::Storage => totals.octets.saturating_add(totals.octets.div_ceil(GROWTH_PART)),
        QuotaResource::Messages => totals.copies,
    };
    excess(quota, needed).map(|excess| format!("{excess}: raise it before mail is copied"))
}

fn excess(quota: &Quota, needed: u64) -> Option<String> {
    let free = quota.limit.saturating_sub(quota.used);
    (needed > free).then(|| {
        let (needed, free) = (amount(quota.resource, needed), amount(quota.resource, free));
        let root = if quota.root.is_empty() { String::new() } else { format!(" `{}`", quota.root) };
        format!("the destination's quota{root} has room for {free}, and {needed} are to come")
    })
}

fn amount(resource: QuotaResource, number: u64) -> String {
    match resource {
        QuotaResource::Storage => octets(number),
        QuotaResource::Messages => counted(number, "message"),
    }
}

/// `48.2 MiB`: in the unit in which there is something before the point.
fn octets(number: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut scaled = number as f64 / 1024.0;
    let larger = units.iter().skip(1).take_while(|_| {
        let is_larger = scaled >= 1024.0;
        scaled = if is_larger { scaled / 1024.0 } else { scaled };
        is_larger
    });
    let unit = units[larger.count()];
    if number < 1024 { format!("{number} B") } else { format!("{scaled:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(resource: QuotaResource, used: u64, limit: u64) -> Quota {
        Quota { root: "User quota".to_owned(), resource, used, limit }
    }

    fn totals(copies: u64, octets: u64) -> PlanTotals {
        PlanTotals { copies, octets, ..PlanTotals::default() }
    }

    #[test]
    fn storage_is_needed_with_growth() {
        let quota = [quota(QuotaResource::Storage, 100, 1150)];
        assert!(fit_quota(&quota, &totals(1, 1000)).is_empty());
        assert_eq!(fit_quota(&quota, &totals(1, 1001)).len(), 1);
    }

    #[test]
    fn amounts_are_told_in_their_units() {
        let told = [0, 1023, 5 << 10, 11 << 20, 3 << 30, 2 << 40, u64::MAX].map(octets);
        assert_eq!(told[..6], ["0 B", "1023 B", "5.0 KiB", "11.0 MiB", "3.0 GiB", "2.0 TiB"]);
    }

    #[test]
    fn several_roots_all_apply_and_are_named() {
        let quotas = [quota(QuotaResource::Storage, 0, 1 << 40), quota(QuotaResource::Messages, 9, 10)];
        let expected = "the destination's quota `User quota` has room for 1 message, and 2 messages are to come: raise it \
                        before mail is copied";
        assert_eq!(fit_quota(&quotas, &totals(2, 1)), [expected]);
    }

    #[test]
    fn quota_excess_a_limit_of_nothing_only_warns() {
        let none = [quota(QuotaResource::Storage, 0, 0)];
        assert_eq!(quota_excess(&none, 1, 1000), None);
        assert_eq!(fit_quota(&none, &totals(1, 1000)).len(), 1);
        assert!(quota_excess(&[quota(QuotaResource::Storage, 5, 10)], 1, 6).is_some());
    }

    #[test]
    fn quota_overdrawn_with_nothing_to_copy_is_no_warning() {
        assert!(fit_quota(&[quota(QuotaResource::Storage, 20, 10)], &totals(0, 0)).is_empty());
    }
}
