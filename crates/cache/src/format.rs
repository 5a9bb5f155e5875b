//! What a file looks like. All numbers are little-endian.
//!
//! ```text
//! file   = header batch*
//! header = magic[8] key[16] sum[8]                                                    32 bytes
//! batch  = magic[4] count[4] total[8] sum[8] run[8] entry{count} payload*             total bytes
//! entry  = pc[8] mode[4] form[4] guest[16] at[8] len[4] zero[4] sum[8] zero[8]        64 bytes
//! ```
//! `run` counts the programs that wrote one after the other. A batch's sum covers its header and entries; an entry's sum covers its payload, which begins at `at` in the file.
//! Whatever is wrong ends the reading: what came before it stands, what comes behind it is written anew.

use crate::hash::{Hash, hash};

/// Changes with this format.
const MAGIC: [u8; 8] = *b"BRLGRGN2";
const BATCH: [u8; 4] = *b"BTCH";

pub(crate) const HEADER: usize = 32;
pub(crate) const BATCH_HEADER: usize = 32;
pub(crate) const ENTRY: usize = 64;
/// Entries of a batch at most.
pub(crate) const MAX_ENTRIES: usize = 1 << 16;

const SEED_HEADER: u64 = 1;
const SEED_BATCH: u64 = 2;
pub(crate) const SEED_PAYLOAD: u64 = 3;
pub(crate) const SEED_GUEST: u64 = 4;

/// Where code for a guest address is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub pc: u64,
    pub mode: u32,
    pub form: u32,
    /// Hash of the guest's bytes.
    pub guest: Hash,
    /// Offset of the payload in the file.
    pub at: u64,
    pub len: u32,
    pub sum: u64,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

impl Entry {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.pc.to_le_bytes());
        out.extend(self.mode.to_le_bytes());
        out.extend(self.form.to_le_bytes());
        out.extend(self.guest.to_le_bytes());
        out.extend(self.at.to_le_bytes());
        out.extend(self.len.to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.sum.to_le_bytes());
        out.extend([0; 8]);
    }

    fn read(bytes: &[u8]) -> Entry {
        Entry {
            pc: u64_at(bytes, 0),
            mode: u32_at(bytes, 8),
            form: u32_at(bytes, 12),
            guest: u128::from(u64_at(bytes, 16)) | u128::from(u64_at(bytes, 24)) << 64,
            at: u64_at(bytes, 32),
            len: u32_at(bytes, 40),
            sum: u64_at(bytes, 48),
        }
    }
}

/// The head of a file for `key`.
pub(crate) fn header(key: Hash) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(key.to_le_bytes());
    out.extend((hash(SEED_HEADER, &out) as u64).to_le_bytes());
    out
}

fn sum_of_batch(head: &[u8], entries: &[u8]) -> u64 {
    let before = hash(SEED_BATCH, &head[..16]) as u64;
    hash(before, &[&head[24..BATCH_HEADER], entries].concat()) as u64
}

/// The head and the entries of a batch with `payloads` bytes of payload.
pub(crate) fn batch(run: u64, entries: &[Entry], payloads: u64) -> Vec<u8> {
    let mut body = Vec::with_capacity(entries.len() * ENTRY);
    entries.iter().for_each(|entry| entry.write(&mut body));
    let mut out = BATCH.to_vec();
    out.extend((entries.len() as u32).to_le_bytes());
    out.extend((payloads + (BATCH_HEADER + body.len()) as u64).to_le_bytes());
    out.extend([0; 8]);
    out.extend(run.to_le_bytes());
    let sum = sum_of_batch(&out, &body);
    out[16..24].copy_from_slice(&sum.to_le_bytes());
    out.append(&mut body);
    out
}

/// Number of entries and length of the batch whose head is `head`, if `room` bytes can hold it.
pub(crate) fn batch_size(head: &[u8; BATCH_HEADER], room: u64) -> Option<(usize, u64)> {
    let (count, total) = (u32_at(head, 4) as usize, u64_at(head, 8));
    let good =
        head[..4] == BATCH && count <= MAX_ENTRIES && total >= (BATCH_HEADER + count * ENTRY) as u64 && total <= room;
    good.then_some((count, total))
}

/// The run that wrote the batch whose head is `head`.
pub(crate) fn batch_run(head: &[u8; BATCH_HEADER]) -> u64 {
    u64_at(head, 24)
}

/// The entries of a batch of `total` bytes at `start`, unless something is wrong with them.
pub(crate) fn batch_entries(head: &[u8; BATCH_HEADER], body: &[u8], start: u64, total: u64) -> Option<Vec<Entry>> {
    if sum_of_batch(head, body) != u64_at(head, 16) {
        return None;
    }
    let entries: Vec<Entry> = body.chunks_exact(ENTRY).map(Entry::read).collect();
    let first = start + (BATCH_HEADER + body.len()) as u64;
    let inside =
        |e: &Entry| e.at >= first && e.at.checked_add(u64::from(e.len)).is_some_and(|end| end <= start + total);
    entries.iter().all(inside).then_some(entries)
}
