//! A map from blocks to something small, by guest pages: tens of thousands of blocks come page by page when kept code is
//! put in place, and most lookups are of a page that was looked at just before.

use crate::cache::PAGE_SHIFT;
use crate::tb::TbKey;
use rustc_hash::FxHashMap;

/// What there is for the blocks that begin on a page, by their offset there, ascending.
type Page<V> = Vec<(u16, V)>;

#[derive(Debug)]
pub(crate) struct PageMap<V>(FxHashMap<TbKey, Page<V>>);

impl<V> Default for PageMap<V> {
    fn default() -> Self {
        PageMap(FxHashMap::default())
    }
}

/// The page of `key`, as the block that would begin there, and the offset.
fn split(key: TbKey) -> (TbKey, u16) {
    let page = key.pc >> PAGE_SHIFT;
    (TbKey { pc: page, ..key }, (key.pc - (page << PAGE_SHIFT)) as u16)
}

/// Where `offset` is, or would be. Blocks are mostly added in ascending order.
fn position<V>(page: &Page<V>, offset: u16) -> Result<usize, usize> {
    match page.last() {
        Some(last) if last.0 >= offset => page.binary_search_by_key(&offset, |entry| entry.0),
        _ => Err(page.len()),
    }
}

impl<V: Copy> PageMap<V> {
    pub(crate) fn get(&self, key: TbKey) -> Option<V> {
        let (page, offset) = split(key);
        let page = self.0.get(&page)?;
        position(page, offset).ok().map(|index| page[index].1)
    }

    /// Returns what was there.
    pub(crate) fn insert(&mut self, key: TbKey, value: V) -> Option<V> {
        let (page, offset) = split(key);
        let page = self.0.entry(page).or_default();
        match position(page, offset) {
            Ok(index) => Some(std::mem::replace(&mut page[index].1, value)),
            Err(index) => {
                page.insert(index, (offset, value));
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, key: TbKey) -> Option<V> {
        let (number, offset) = split(key);
        let page = self.0.get_mut(&number)?;
        let gone = position(page, offset).ok().map(|index| page.remove(index).1);
        if page.is_empty() {
            self.0.remove(&number);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_apart_and_go_alone() {
        let mut map = PageMap::default();
        let keys: Vec<_> = [0x1ffe, 0x1004, 0x1000, 0x2000, 0x1008].map(|pc| TbKey { pc, mode: 0 }).into();
        for (value, &key) in keys.iter().enumerate() {
            assert_eq!((map.get(key), map.insert(key, value)), (None, None));
        }
        assert_eq!(map.insert(TbKey { pc: 0x1004, mode: 1 }, 9), None);
        assert_eq!(map.insert(keys[2], 7), Some(2));
        assert_eq!(keys.iter().map(|&key| map.get(key)).collect::<Vec<_>>(), [0, 1, 7, 3, 4].map(Some));
        assert_eq!((map.remove(keys[1]), map.remove(keys[1]), map.get(keys[4])), (Some(1), None, Some(4)));
        assert_eq!((map.remove(keys[3]), map.remove(keys[3])), (Some(3), None));
        assert_eq!(map.get(TbKey { pc: 0x1004, mode: 1 }), Some(9));
    }
}
