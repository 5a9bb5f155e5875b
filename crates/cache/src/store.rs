//! One file of regions, as a process uses it.
//!
//! *Requirement.* Many processes read and add at the same time; any may be killed at any point, or forked.
//! *How.* The index is read when the file is opened; code is read when it is asked for. What was added waits in memory
//! for [`Store::flush`], which takes the file's lock, reads what others have appended since, and appends the rest in one
//! batch. A file that got too long is written anew with what this process used, under another name, and renamed.
//! *Limits.* What others append while this process runs is seen at its own flushes only.

use crate::folder::Folder;
use crate::format::{self, BATCH_HEADER, ENTRY, Entry, HEADER, MAX_ENTRIES, SEED_GUEST, SEED_PAYLOAD};
use crate::hash::{Hash, hash};
use crate::lock::{Lock, longest_file};
use rustc_hash::{FxHashMap, FxHashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

/// Moves a file to a descriptor where the guest cannot reach it.
pub type Hide = fn(File) -> File;

/// Appends the guest's bytes of a range; tells whether it could.
pub type ReadGuest<'a> = dyn FnMut((u64, u64), &mut Vec<u8>) -> bool + 'a;

/// Files are written anew beyond this many bytes, or beyond a quarter of the folder's limit.
const MAX_FILE: u64 = 256 << 20;
/// Longest payload that is kept.
const MAX_PAYLOAD: usize = 4 << 20;
/// Entries of a region at most, and regions of a batch.
const REGION_ENTRIES: usize = 256;
const BATCH_REGIONS: usize = MAX_ENTRIES / REGION_ENTRIES;
/// How stale a file's time of last use may be.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Translated code to be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Region {
    /// Guest addresses where it can be entered.
    pub entries: Vec<u64>,
    /// Guest mode.
    pub mode: u32,
    /// The back end's forms of code.
    pub form: u32,
    /// Guest addresses that it was made from.
    pub ranges: Vec<(u64, u64)>,
    /// The guest's bytes there, range after range.
    pub guest: Vec<u8>,
    /// The back end's code.
    pub code: Vec<u8>,
    /// Whether other code from the same bytes may be kept beside it.
    pub partial: bool,
}

/// Translated code that was kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// As [`Region::ranges`].
    pub ranges: Vec<(u64, u64)>,
    /// As [`Region::code`].
    pub code: Vec<u8>,
}

/// What a store has been used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Figures {
    /// Addresses that the file has code for, each as often as it has.
    pub known: usize,
    /// Regions that were found.
    pub found: u64,
    /// Their bytes in the file.
    pub bytes: u64,
    /// Regions that wait to be written.
    pub waiting: usize,
}

/// The regions of one key.
#[derive(Debug)]
pub struct Store {
    folder: Folder,
    key: Hash,
    name: String,
    hide: Hide,
    /// Runs that had written to the file when it was opened.
    age: u64,
    state: Mutex<State>,
    /// Held by whoever writes; taken before `state`.
    writing: Mutex<()>,
    /// Whether anything may be pending.
    waiting: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    /// Never a second descriptor: to close one would give up the lock that is held by another.
    file: Option<Arc<File>>,
    writable: bool,
    /// Where the next batch begins.
    end: u64,
    /// Runs that have written to the file, one after the other.
    runs: u64,
    entries: Vec<Entry>,
    /// Newest entry of each address, and the next older one of each entry.
    newest: FxHashMap<u64, u32>,
    older: Vec<Option<u32>>,
    /// Payloads that were asked for and good.
    used: FxHashSet<u64>,
    pending: Vec<Region>,
    /// Code found, and bytes of it.
    hits: (u64, u64),
}

/// Length of [`put_payload`]'s bytes.
fn payload_len(region: &Region) -> usize {
    region.code.len() + region.ranges.len() * 16 + 4
}

/// Code comes first, so that it is what is left when the rest is cut off.
fn put_payload(region: &Region, out: &mut Vec<u8>) {
    out.extend(&region.code);
    for (start, end) in &region.ranges {
        out.extend(start.to_le_bytes());
        out.extend(end.to_le_bytes());
    }
    out.extend((region.ranges.len() as u32).to_le_bytes());
}

fn parse(mut payload: Vec<u8>) -> Option<Found> {
    let (rest, count) = payload.split_last_chunk::<4>()?;
    let len = rest.len().checked_sub(u32::from_le_bytes(*count) as usize * 16)?;
    let word = |b: &[u8]| u64::from_le_bytes(b.try_into().expect("eight bytes"));
    let ranges = rest[len..].chunks_exact(16).map(|r| (word(&r[..8]), word(&r[8..]))).collect();
    payload.truncate(len);
    Some(Found { ranges, code: payload })
}

fn guest_hash(region: &Region) -> Hash {
    hash(SEED_GUEST, &region.guest)
}

impl Store {
    /// The store for `key` in `folder`. Nothing on disk is changed before something is flushed.
    pub fn open(folder: Folder, key: &[u8], hide: Hide) -> Store {
        let key = hash(0, key);
        let folder = folder.hidden(hide);
        let (name, state, writing) = (Folder::name(key), Mutex::default(), Mutex::default());
        let waiting = AtomicBool::new(false);
        let mut store = Store { folder, key, name, hide, age: 0, state, writing, waiting };
        store.look(&mut store.state());
        let age = store.state().runs;
        store.age = age;
        store
    }

    /// Reads the file that has the name, in place of the one that was open, if there is one.
    fn look(&self, state: &mut State) -> bool {
        let Ok((file, writable)) = self.folder.file(&self.name) else { return false };
        touch(&file);
        let mut fresh = State { writable, hits: state.hits, ..State::default() };
        fresh.file = self.in_place_of(state.file.take(), file);
        fresh.read_on(self.key);
        *state = fresh;
        true
    }

    /// `file` out of the guest's reach: at the number of the one that it replaces, or at a new one.
    fn in_place_of(&self, old: Option<Arc<File>>, file: File) -> Option<Arc<File>> {
        match old {
            Some(old) => crate::folder::put_over(&old, &file).ok().map(|()| old),
            None => Some(Arc::new((self.hide)(file))),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Whether anything may be found for `pc`; quicker still than [`Store::may_have`].
    pub fn knows(&self, pc: u64) -> bool {
        self.state().newest.contains_key(&pc)
    }

    /// Whether something may be found for these; quick.
    pub fn may_have(&self, pc: u64, mode: u32, form: u32) -> bool {
        let state = self.state();
        state.candidates(pc).any(|e| (e.mode, e.form) == (mode, form))
    }

    /// Code to be entered at `pc`, if there is some that was made from the very bytes that the guest has now; the newest
    /// first. `read` appends the guest's bytes of a range and tells whether it could.
    pub fn find(&self, pc: u64, mode: u32, form: u32, read: &mut ReadGuest<'_>) -> Option<Found> {
        self.candidates(pc, mode, form).iter().find_map(|(entry, file)| self.found(entry, file, read))
    }

    /// All such code.
    pub fn find_all(&self, pc: u64, mode: u32, form: u32, read: &mut ReadGuest<'_>) -> Vec<Found> {
        self.candidates(pc, mode, form).iter().filter_map(|(entry, file)| self.found(entry, file, read)).collect()
    }

    fn candidates(&self, pc: u64, mode: u32, form: u32) -> Vec<(Entry, Arc<File>)> {
        let state = self.state();
        let wanted = state.candidates(pc).filter(|e| (e.mode, e.form) == (mode, form));
        wanted.filter_map(|entry| Some((*entry, state.file.clone()?))).collect()
    }

    /// No lock is held while it reads. If the file is replaced meanwhile, what is read has another checksum.
    fn found(&self, entry: &Entry, file: &File, read: &mut ReadGuest<'_>) -> Option<Found> {
        let found = entry_payload(file, entry).and_then(parse)?;
        let mut guest = Vec::new();
        if !found.ranges.iter().all(|&range| read(range, &mut guest)) || hash(SEED_GUEST, &guest) != entry.guest {
            return None;
        }
        let mut state = self.state();
        state.used.insert(entry.at);
        state.hits.0 += 1;
        state.hits.1 += u64::from(entry.len);
        Some(found)
    }

    /// Keeps a region from the next flush on. Returns the number of regions that wait for it.
    pub fn add(&self, region: Region) -> usize {
        let mut state = self.state();
        if !region.entries.is_empty() && region.entries.len() <= REGION_ENTRIES && region.code.len() <= MAX_PAYLOAD {
            state.pending.push(region);
            self.waiting.store(true, Ordering::Relaxed);
        }
        state.pending.len()
    }

    /// How many runs, one after the other, have added something to the file before this one.
    pub fn age(&self) -> u64 {
        self.age
    }

    /// Counts of this process.
    pub fn figures(&self) -> Figures {
        let state = self.state();
        let (found, bytes) = state.hits;
        Figures { known: state.entries.len(), found, bytes, waiting: state.pending.len() }
    }

    /// Runs `action`, which may fork, while no lock is held. A child calls [`Store::forked`].
    pub fn around_fork(&self, action: &mut dyn FnMut()) {
        let _writing = self.writing.lock().unwrap_or_else(|e| e.into_inner());
        let _state = self.state();
        action();
    }

    /// In the child of a fork: nothing is kept that its parent will write.
    #[inline]
    pub fn forked(&self) {
        // Most have nothing, and no page of theirs is to be copied for that.
        if self.waiting.load(Ordering::Relaxed) {
            self.forget();
        }
    }

    #[cold]
    fn forget(&self) {
        // To free it would have most of the heap copied.
        std::mem::forget(std::mem::take(&mut self.state().pending));
        self.waiting.store(false, Ordering::Relaxed);
    }

    /// Writes what was added. What cannot be written is dropped.
    pub fn flush(&self) {
        if !self.waiting.load(Ordering::Relaxed) {
            return;
        }
        let _writing = self.writing.lock().unwrap_or_else(|e| e.into_inner());
        let mut state = self.state();
        let regions = std::mem::take(&mut state.pending);
        self.waiting.store(false, Ordering::Relaxed);
        if regions.is_empty() {
            return;
        }
        let before = state.end;
        // An error leaves the file as it was, or cut where it was good.
        let done = regions.chunks(BATCH_REGIONS).try_for_each(|some| self.write(&mut state, some));
        let grown = state.end >> 20 != before >> 20;
        drop(state);
        if done.is_ok() && (before == 0 || grown) {
            self.folder.trim(&self.name);
        }
    }

    fn write(&self, state: &mut State, regions: &[Region]) -> io::Result<()> {
        let removed = |file: &Arc<File>| file.metadata().is_ok_and(|data| data.nlink() == 0);
        if state.file.as_ref().is_none_or(removed) && !self.look(state) {
            return self.begin(state, &regions.iter().collect::<Vec<_>>());
        }
        let Some(file) = state.file.clone().filter(|_| state.writable) else {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        };
        let _lock = Lock::take(&file).ok_or(io::ErrorKind::WouldBlock)?;
        let good = state.read_on(self.key);
        let new: Vec<&Region> = regions.iter().filter(|region| !state.has(region)).collect();
        let size: u64 = new.iter().copied().map(size_on_disk).sum();
        if !good || state.end + size > MAX_FILE.min(self.folder.limit / 4) {
            return self.begin(state, &new);
        }
        if new.is_empty() { Ok(()) } else { state.append(&file, batch(self.age + 1, &new, state.end)) }
    }

    /// Writes the file anew: what this process used of the old one, and `regions`.
    fn begin(&self, state: &mut State, regions: &[&Region]) -> io::Result<()> {
        let temporary = format!("{}.{}", self.name, std::process::id());
        // One may have been left by a process of the same number that was killed.
        self.folder.remove(&temporary);
        let file = self.folder.create(&temporary)?;
        let mut fresh = State { writable: true, hits: state.hits, ..State::default() };
        let mut write = || -> io::Result<()> {
            write_at(&file, &format::header(self.key), 0)?;
            fresh.end = HEADER as u64;
            fresh.runs = self.age;
            if let Some(old) = state.copy_of_used(self.age, fresh.end) {
                fresh.append(&file, old)?;
                fresh.used = fresh.entries.iter().map(|e| e.at).collect();
            }
            fresh.append(&file, batch(self.age + 1, regions, fresh.end))?;
            self.folder.publish(&temporary, &self.name)
        };
        if let Err(e) = write() {
            self.folder.remove(&temporary);
            return Err(e);
        }
        fresh.file = self.in_place_of(state.file.take(), file);
        *state = fresh;
        Ok(())
    }
}

fn size_on_disk(region: &Region) -> u64 {
    (region.entries.len() * ENTRY + payload_len(region)) as u64
}

/// A batch of `run` that will be at `start`, and its entries.
fn batch(run: u64, regions: &[&Region], start: u64) -> (Vec<u8>, Vec<Entry>) {
    let count: usize = regions.iter().map(|r| r.entries.len()).sum();
    let head = BATCH_HEADER + count * ENTRY;
    let mut out = Vec::with_capacity(head + regions.iter().map(|r| payload_len(r)).sum::<usize>());
    out.resize(head, 0);
    let mut entries = Vec::with_capacity(count);
    for region in regions {
        let at = out.len();
        put_payload(region, &mut out);
        let whole = Entry {
            pc: 0,
            mode: region.mode,
            form: region.form,
            guest: guest_hash(region),
            at: start + at as u64,
            len: (out.len() - at) as u32,
            sum: hash(SEED_PAYLOAD, &out[at..]) as u64,
        };
        entries.extend(region.entries.iter().map(|&pc| Entry { pc, ..whole }));
    }
    let payloads = (out.len() - head) as u64;
    out[..head].copy_from_slice(&format::batch(run, &entries, payloads));
    (out, entries)
}

/// Writes all of `bytes`, or leaves the file as long as it was.
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    if at + bytes.len() as u64 > longest_file() {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    // What a killed writer left behind `at` must not look like ours.
    if file.metadata()?.len() != at {
        file.set_len(at)?;
    }
    file.write_all_at(bytes, at).inspect_err(|_| _ = file.set_len(at))
}

/// Notes that the file is in use, unless that was noted lately.
fn touch(file: &File) {
    let now = SystemTime::now();
    let used = file.metadata().and_then(|data| data.modified());
    if used.is_ok_and(|used| now.duration_since(used).is_ok_and(|age| age > DAY)) {
        let _ = file.set_modified(now);
    }
}

impl State {
    /// Appends a batch to `file`.
    fn append(&mut self, file: &File, (bytes, entries): (Vec<u8>, Vec<Entry>)) -> io::Result<()> {
        write_at(file, &bytes, self.end)?;
        self.end += bytes.len() as u64;
        entries.into_iter().for_each(|entry| self.insert(entry));
        Ok(())
    }

    fn candidates(&self, pc: u64) -> impl Iterator<Item = &Entry> {
        let first = self.newest.get(&pc).copied();
        std::iter::successors(first, |&i| self.older[i as usize]).map(|i| &self.entries[i as usize])
    }

    fn insert(&mut self, entry: Entry) {
        let number = self.entries.len() as u32;
        self.older.push(self.newest.insert(entry.pc, number));
        self.entries.push(entry);
    }

    /// Whether the file has `region`, or did when its index was read: what turned out to be damaged does not count.
    fn has(&self, region: &Region) -> bool {
        let alike = |e: &&Entry| (e.mode, e.form) == (region.mode, region.form);
        let mut alike = self.candidates(region.entries[0]).filter(alike).peekable();
        if alike.peek().is_none() {
            return false;
        }
        let guest = guest_hash(region);
        // Partial code is the same if its bytes are.
        let sum = region.partial.then(|| {
            let mut bytes = Vec::with_capacity(payload_len(region));
            put_payload(region, &mut bytes);
            hash(SEED_PAYLOAD, &bytes) as u64
        });
        let same = |e: &&Entry| e.guest == guest && sum.is_none_or(|sum| sum == e.sum);
        alike.find(same).is_some_and(|e| self.payload(e).is_some())
    }

    fn payload(&self, entry: &Entry) -> Option<Vec<u8>> {
        entry_payload(self.file.as_ref()?, entry)
    }

    /// Reads what is behind `end`; false if the file is not one of `key` at all. What is damaged stays unread.
    fn read_on(&mut self, key: Hash) -> bool {
        let Some(file) = self.file.clone() else { return false };
        let Ok(len) = file.metadata().map(|data| data.len()) else { return false };
        if len < self.end {
            return false; // somebody cut it
        }
        if self.end == 0 {
            let mut head = [0; HEADER];
            if file.read_exact_at(&mut head, 0).is_err() || head[..] != format::header(key) {
                return false;
            }
            self.end = HEADER as u64;
        }
        while let Some((run, entries, total)) = read_batch(&file, self.end, len) {
            entries.into_iter().for_each(|entry| self.insert(entry));
            self.end += total;
            self.runs = self.runs.max(run);
        }
        true
    }

    /// The payloads that were used, as a batch of `run` at `start`.
    fn copy_of_used(&self, run: u64, start: u64) -> Option<(Vec<u8>, Vec<Entry>)> {
        let kept: Vec<Entry> = self.entries.iter().filter(|e| self.used.contains(&e.at)).copied().collect();
        let kept = &kept[..kept.len().min(MAX_ENTRIES)];
        let first = start + (BATCH_HEADER + kept.len() * ENTRY) as u64;
        let (mut entries, mut payloads) = (Vec::new(), Vec::new());
        let mut moved: FxHashMap<u64, u64> = FxHashMap::default();
        for entry in kept {
            let at = match moved.get(&entry.at) {
                Some(&at) => at,
                None => {
                    let at = first + payloads.len() as u64;
                    payloads.extend(self.payload(entry)?);
                    moved.insert(entry.at, at);
                    at
                }
            };
            entries.push(Entry { at, ..*entry });
        }
        if entries.is_empty() {
            return None;
        }
        let mut out = format::batch(run, &entries, payloads.len() as u64);
        out.append(&mut payloads);
        Some((out, entries))
    }
}

/// The payload of an entry, if it is good.
fn entry_payload(file: &File, entry: &Entry) -> Option<Vec<u8>> {
    if entry.len as usize > MAX_PAYLOAD + (64 << 10) {
        return None;
    }
    let mut bytes = vec![0; entry.len as usize];
    file.read_exact_at(&mut bytes, entry.at).ok()?;
    (hash(SEED_PAYLOAD, &bytes) as u64 == entry.sum).then_some(bytes)
}

/// Run, entries and length of the batch at `start`.
fn read_batch(file: &File, start: u64, len: u64) -> Option<(u64, Vec<Entry>, u64)> {
    let mut head = [0; BATCH_HEADER];
    file.read_exact_at(&mut head, start).ok()?;
    let (count, total) = format::batch_size(&head, len.checked_sub(start)?)?;
    let mut body = vec![0; count * ENTRY];
    file.read_exact_at(&mut body, start + BATCH_HEADER as u64).ok()?;
    Some((format::batch_run(&head), format::batch_entries(&head, &body, start, total)?, total))
}
