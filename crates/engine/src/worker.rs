//! The threads that compile regions while the guest goes on.
//!
//! *Requirement.* A processor that meets a hot block hands it over and runs on in a lower tier.
//! *How.* A queue, of which the hottest job is done first. The first thread starts with the first job, another one whenever
//! jobs wait. They share `busy` while they work, so that a fork, which takes it for itself, finds none of the
//! translator's locks taken; a child has no thread and starts its own.
//! A process that merely shares this one's memory starts none either: they would end with that process.
//! *Limits.* A fork waits for the jobs in progress, a few milliseconds at most.

use crate::config::{Config, Spawn};
use crate::pace::Pace;
use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};

struct Queue<J> {
    jobs: VecDeque<J>,
    /// Threads.
    running: usize,
    /// Those of them that wait for jobs.
    idle: usize,
    /// Those that have used up what time they have.
    resting: usize,
    closed: bool,
}

struct Shared<J> {
    queue: Mutex<Queue<J>>,
    filled: Condvar,
    busy: RwLock<()>,
    pace: Pace,
    /// How hot a job is.
    heat: fn(&J) -> u64,
}

/// Jobs for the threads, and the threads.
pub(crate) struct Worker<J> {
    shared: Arc<Shared<J>>,
    spawn: Spawn,
    /// How many there are at most, once that was looked up.
    most: OnceLock<usize>,
    /// Whether this process ever had a thread.
    started: AtomicBool,
    /// The process whose threads they are to be.
    home: AtomicU32,
}

/// More threads than this seldom find work.
const MOST: usize = 4;
/// Jobs that are looked at for the hottest.
const LOOKED_AT: usize = 256;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl<J: Send + 'static> Worker<J> {
    /// No thread yet. `None` if the configuration wants none. `heat` tells which of several jobs is done first.
    pub(crate) fn new(config: &Config, heat: fn(&J) -> u64) -> Option<Worker<J>> {
        let queue = Queue { jobs: VecDeque::new(), running: 0, idle: 0, resting: 0, closed: false };
        let shared = Shared {
            queue: Mutex::new(queue),
            filled: Condvar::new(),
            busy: RwLock::new(()),
            pace: Pace::new(config),
            heat,
        };
        let most = config.workers.map_or_else(OnceLock::new, OnceLock::from);
        let (started, home) = (AtomicBool::new(false), AtomicU32::new(std::process::id()));
        (config.workers != Some(0)).then(|| Worker {
            shared: Arc::new(shared),
            spawn: config.spawn,
            most,
            started,
            home,
        })
    }

    /// Threads at most. Where there is one processor only, one would but take turns with the guest. That is looked up
    /// late: it takes a dozen system calls, and most programs end before they need a thread.
    fn most(&self) -> usize {
        let several = || std::thread::available_parallelism().map_or(0, NonZero::get).saturating_sub(1).min(MOST);
        *self.most.get_or_init(several)
    }

    /// Hands a job over. `work` is what a thread does with each; it must be the same in every call. Gives the job
    /// back if there is no thread and none can be started.
    pub(crate) fn push(&self, job: J, work: impl Fn(J) + Send + 'static) -> Result<(), J> {
        let mut queue = lock(&self.shared.queue);
        let wanted = queue.idle <= queue.jobs.len() && queue.resting == 0;
        if wanted && self.home.load(Ordering::Relaxed) == std::process::id() && queue.running < self.most() {
            self.started.store(true, Ordering::Relaxed);
            let shared = Arc::clone(&self.shared);
            queue.running += usize::from((self.spawn)(Box::new(move || shared.work(work))));
        }
        if queue.running == 0 {
            return Err(job);
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.shared.filled.notify_one();
        Ok(())
    }

    /// Runs `action`, which may fork and tells in the child its process number, while the threads are idle. In a child,
    /// where they are not, what was queued is lost. If the caller is `alone`, nobody hands over jobs meanwhile.
    pub(crate) fn paused(&self, alone: bool, action: &mut dyn FnMut() -> Option<u32>) -> Option<u32> {
        let nobody = alone && !self.started.load(Ordering::Relaxed);
        let child = if nobody { action() } else { self.paused_threads(action) };
        if let Some(process) = child {
            self.home.store(process, Ordering::Relaxed);
        }
        child
    }

    fn paused_threads(&self, action: &mut dyn FnMut() -> Option<u32>) -> Option<u32> {
        let _busy = self.shared.busy.write().unwrap_or_else(PoisonError::into_inner);
        let mut queue = lock(&self.shared.queue);
        let child = action();
        if child.is_some() {
            (queue.running, queue.idle, queue.resting) = (0, 0, 0);
            self.started.store(false, Ordering::Relaxed);
            self.shared.pace.forked();
            // Dropping would free what the parent's threads may have been about to free.
            std::mem::forget(std::mem::take(&mut queue.jobs));
        }
        child
    }
}

impl<J> Shared<J> {
    fn work(&self, work: impl Fn(J)) {
        while let Some((job, _busy)) = self.next() {
            self.pace.counted(|| work(job));
        }
    }

    /// The next job, with a share of `busy` for it; `None` when there will be no more.
    fn next(&self) -> Option<(J, RwLockReadGuard<'_, ()>)> {
        loop {
            let mut queue = lock(&self.queue);
            queue.idle += 1;
            while queue.jobs.is_empty() && !queue.closed {
                queue = self.filled.wait(queue).unwrap_or_else(|e| e.into_inner());
            }
            queue.idle -= 1;
            if queue.closed {
                return None;
            }
            if let Some(rest) = self.pace.rest() {
                queue.resting += 1;
                queue = self.filled.wait_timeout(queue, rest).unwrap_or_else(|e| e.into_inner()).0;
                queue.resting -= 1;
                continue;
            }
            drop(queue);
            // Taken before the queue, as a fork does.
            let busy = self.busy.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(job) = self.hottest(&mut lock(&self.queue).jobs) {
                return Some((job, busy));
            }
        }
    }

    /// Takes the hottest of the first jobs, of equals the first.
    fn hottest(&self, jobs: &mut VecDeque<J>) -> Option<J> {
        let index = (0..jobs.len().min(LOOKED_AT)).rev().max_by_key(|&index| (self.heat)(&jobs[index]))?;
        jobs.remove(index)
    }
}

impl<J> Drop for Worker<J> {
    fn drop(&mut self) {
        lock(&self.shared.queue).closed = true;
        self.shared.filled.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn jobs_are_done_in_order_and_not_while_paused() {
        let worker = Worker::new(&Config { workers: Some(1), ..Config::default() }, |_| 0).unwrap();
        let (sender, done) = channel();
        let work = move |n: u32| sender.send(n).unwrap();
        worker.push(1, work.clone()).unwrap();
        assert_eq!(done.recv(), Ok(1));
        assert_eq!(worker.paused(true, &mut || None), None);
        for n in 2..50 {
            worker.push(n, work.clone()).unwrap();
        }
        assert!((2..50).all(|n| done.recv() == Ok(n)));
    }

    #[test]
    fn job_comes_back_where_no_thread_can_start() {
        let config = Config { workers: Some(3), spawn: |_| false, ..Config::default() };
        assert_eq!(Worker::new(&config, |_| 0).unwrap().push(7, |_| ()), Err(7));
        assert!(Worker::<u32>::new(&Config { workers: Some(0), ..config }, |_| 0).is_none());
    }

    #[test]
    fn hottest_job_is_done_first() {
        let worker = Worker::new(&Config { workers: Some(1), ..Config::default() }, |&n: &u32| n.into()).unwrap();
        let (sender, done) = channel();
        let (open, gate) = channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let work = move |n| {
            sender.send(n).unwrap();
            let _ = lock(&gate).recv();
        };
        worker.push(0, work.clone()).unwrap();
        assert_eq!(done.recv(), Ok(0)); // and waits
        [2, 9, 5].into_iter().for_each(|n| worker.push(n, work.clone()).unwrap());
        (0..4).for_each(|_| open.send(()).unwrap());
        assert_eq!([(); 3].map(|_| done.recv().unwrap()), [9, 5, 2]);
    }

    #[test]
    fn threads_rest_until_the_guest_has_run_for_longer() {
        use std::sync::atomic::{AtomicU64, Ordering};
        use std::time::Duration;
        /// Milliseconds of the process and of the thread.
        static PROCESS: AtomicU64 = AtomicU64::new(0);
        static THREAD: AtomicU64 = AtomicU64::new(0);
        let times = || {
            let of = |clock: &AtomicU64| Duration::from_millis(clock.load(Ordering::SeqCst));
            (of(&PROCESS), of(&THREAD))
        };
        let config = Config { workers: Some(1), share: 50, times, ..Config::default() };
        let worker = Worker::new(&config, |_| 0).unwrap();
        let (sender, done) = channel();
        let work = move |n: u32| {
            THREAD.fetch_add(100, Ordering::SeqCst);
            PROCESS.fetch_add(100, Ordering::SeqCst);
            sender.send(n).unwrap();
        };
        worker.push(1, work.clone()).unwrap();
        assert_eq!(done.recv(), Ok(1));
        worker.push(2, work.clone()).unwrap();
        worker.push(3, work).unwrap();
        assert!(done.recv_timeout(Duration::from_millis(100)).is_err());
        PROCESS.fetch_add(1000, Ordering::SeqCst);
        assert_eq!([done.recv(), done.recv()], [Ok(2), Ok(3)]);
    }

    #[test]
    fn several_threads_work_at_once() {
        let worker = Worker::new(&Config { workers: Some(3), ..Config::default() }, |_| 0).unwrap();
        // Each job ends when all three are there.
        let together = Arc::new(std::sync::Barrier::new(4));
        let met = Arc::clone(&together);
        let work = move |_: u32| _ = met.wait();
        (0..3).for_each(|n| worker.push(n, work.clone()).unwrap());
        together.wait();
    }
}
