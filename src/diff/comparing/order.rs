//! Whether copies stand in the order of their source messages, in little memory: 4 octets for each, and 16 where recent mail came
//! first.

use crate::model::{InternalDate, Uid};

/// Copies as they come in the order of their source messages.
pub(in crate::diff) enum Order {
    /// All in one go.
    Plain(Ascent),
    /// Recent ones in a first pass, and then the rest; each copy with the date of its message.
    Passes(Vec<(Uid, Option<InternalDate>)>),
}

impl Order {
    /// `recent_first`: there are two passes.
    pub(in crate::diff) fn new(recent_first: bool) -> Order {
        if recent_first { Order::Passes(Vec::new()) } else { Order::Plain(Ascent::default()) }
    }

    /// Takes the next copy.
    pub(in crate::diff) fn take(&mut self, copy: Uid, date: Option<InternalDate>) {
        match self {
            Order::Plain(ascent) => ascent.take(copy),
            Order::Passes(copies) => copies.push((copy, date)),
        }
    }

    /// How many copies would have to move for all to be in order.
    pub(in crate::diff) fn out_of_order(&self) -> u64 {
        match self {
            Order::Plain(ascent) => ascent.out_of_order(),
            Order::Passes(copies) => out_of_order_in_passes(copies),
        }
    }
}

/// Where the first pass ended is not recorded: what was copied before the order first went back shows how old its messages are.
fn out_of_order_in_passes(copies: &[(Uid, Option<InternalDate>)]) -> u64 {
    let mut by_copy: Vec<usize> = (0..copies.len()).collect();
    by_copy.sort_unstable_by_key(|number| copies[*number].0);
    let first = by_copy.windows(2).position(|pair| pair[1] < pair[0]).map_or(copies.len(), |last| last + 1);
    let recent_from = by_copy[..first].iter().filter_map(|number| copies[*number].1).min();
    let mut passes = [Ascent::default(), Ascent::default()];
    for (copy, date) in copies {
        passes[usize::from(*date < recent_from)].take(*copy);
    }
    passes.iter().map(Ascent::out_of_order).sum()
}

/// The longest run of copies that stand in order.
#[derive(Default)]
pub(in crate::diff) struct Ascent {
    /// By the length of an ascending run, less one: the lowest UID that such a run can end with. Ascending itself.
    ends: Vec<Uid>,
    count: u64,
}

impl Ascent {
    fn take(&mut self, copy: Uid) {
        self.count += 1;
        match self.ends.last() {
            Some(last) if *last >= copy => {
                let at = self.ends.partition_point(|end| *end < copy);
                self.ends[at] = copy;
            }
            _ => self.ends.push(copy),
        }
    }

    fn out_of_order(&self) -> u64 {
        self.count - self.ends.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_order_are_the_fewest_that_would_have_to_move() {
        let count = |copies: &[u32]| {
            let mut order = Order::new(false);
            copies.iter().for_each(|copy| order.take(Uid(*copy), None));
            order.out_of_order()
        };
        assert_eq!([count(&[]), count(&[7]), count(&[1, 2, 9, 10])], [0, 0, 0]);
        assert_eq!(count(&[9, 1, 2, 3]), 1, "one that came last");
        assert_eq!(count(&[4, 5, 6, 1, 2, 3, 7]), 3);
        let late: Vec<u32> = (301..=400).chain(1..=300).collect();
        assert_eq!(count(&late), 100);
    }

    #[test]
    fn of_two_passes_each_is_in_order() {
        let count = |copies: &[(u32, i64)]| {
            let mut order = Order::new(true);
            copies.iter().for_each(|(copy, date)| order.take(Uid(*copy), Some(InternalDate(*date))));
            order.out_of_order()
        };
        assert_eq!([count(&[]), count(&[(1, 5), (2, 4)])], [0, 0]);
        // An old one, a recent one, an old one, two recent ones; and one that came later.
        let passes = [(4, 10), (1, 50), (5, 20), (2, 40), (3, 60)];
        assert_eq!(count(&passes), 0);
        assert_eq!(count(&[&passes[..], &[(6, 70)]].concat()), 0);
        assert_eq!(count(&[(5, 10), (1, 50), (4, 20), (2, 40), (3, 60)]), 1, "the two old ones");
        assert_eq!(count(&[(4, 10), (2, 50), (5, 20), (1, 40), (3, 60)]), 1, "two recent ones");
    }
}
