//! Whether copies stand in the order of their source messages, in little memory: 4 octets for each.

use crate::model::Uid;

/// Copies as they come in the order of their source messages.
#[derive(Default)]
pub(in crate::diff) struct Order {
    /// By the length of an ascending run, less one: the lowest UID that such a run can end with. Ascending itself.
    ends: Vec<Uid>,
    count: u64,
}

impl Order {
    /// Takes the next copy.
    pub(in crate::diff) fn take(&mut self, copy: Uid) {
        self.count += 1;
        match self.ends.last() {
            Some(last) if *last >= copy => {
                let at = self.ends.partition_point(|end| *end < copy);
                self.ends[at] = copy;
            }
            _ => self.ends.push(copy),
        }
    }

    /// How many copies would have to move for all to be in order.
    pub(in crate::diff) fn out_of_order(&self) -> u64 {
        self.count - self.ends.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_order_are_the_fewest_that_would_have_to_move() {
        let count = |copies: &[u32]| {
            let mut order = Order::default();
            copies.iter().for_each(|copy| order.take(Uid(*copy)));
            order.out_of_order()
        };
        assert_eq!([count(&[]), count(&[7]), count(&[1, 2, 9, 10])], [0, 0, 0]);
        assert_eq!(count(&[9, 1, 2, 3]), 1, "one that came last");
        assert_eq!(count(&[4, 5, 6, 1, 2, 3, 7]), 3);
        let late: Vec<u32> = (301..=400).chain(1..=300).collect();
        assert_eq!(count(&late), 100);
    }
}
