//! The thread that compiles regions while the guest goes on.
//!
//! *Requirement.* A processor that meets a hot block hands it over and runs on in tier 0.
//! *How.* A queue; the thread starts with the first job. It holds `busy` while it works, so that a fork, which takes
//! `busy`, finds none of the translator's locks taken; a child has no worker and starts its own.
//! A process that merely shares this one's memory starts none either: the thread would end with that process.
//! *Limits.* A fork waits for the job in progress, a few milliseconds at most.

use crate::config::{Config, Spawn};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

struct Queue<J> {
    jobs: VecDeque<J>,
    running: bool,
    closed: bool,
    /// The process whose thread it is to be.
    home: u32,
}

struct Shared<J> {
    queue: Mutex<Queue<J>>,
    filled: Condvar,
    busy: Mutex<()>,
}

/// Jobs for the thread, and the thread.
pub(crate) struct Worker<J> {
    shared: Arc<Shared<J>>,
    spawn: Spawn,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl<J: Send + 'static> Worker<J> {
    /// No thread yet. `None` if the configuration wants none.
    pub(crate) fn new(config: &Config) -> Option<Worker<J>> {
        let queue = Queue { jobs: VecDeque::new(), running: false, closed: false, home: std::process::id() };
        let shared = Shared { queue: Mutex::new(queue), filled: Condvar::new(), busy: Mutex::new(()) };
        config.background.then(|| Worker { shared: Arc::new(shared), spawn: config.spawn })
    }

    /// Hands a job over. `work` is what the thread does with each; it must be the same in every call. Gives the job
    /// back if there is no thread and none can be started.
    pub(crate) fn push(&self, job: J, work: impl Fn(J) + Send + 'static) -> Result<(), J> {
        let mut queue = lock(&self.shared.queue);
        if !queue.running {
            let shared = Arc::clone(&self.shared);
            let here = queue.home == std::process::id();
            queue.running = here && (self.spawn)(Box::new(move || shared.work(work)));
            if !queue.running {
                return Err(job);
            }
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.shared.filled.notify_one();
        Ok(())
    }

    /// Runs `action` while the thread is idle. In a forked child, where it is not, what was queued is lost.
    pub(crate) fn paused(&self, action: &mut dyn FnMut()) {
        let process = std::process::id();
        let _busy = lock(&self.shared.busy);
        let mut queue = lock(&self.shared.queue);
        action();
        if std::process::id() != process {
            queue.running = false;
            queue.home = std::process::id();
            // Dropping would free what the parent's thread may have been about to free.
            std::mem::forget(std::mem::take(&mut queue.jobs));
        }
    }
}

impl<J> Shared<J> {
    fn work(&self, work: impl Fn(J)) {
        while let Some((job, _busy)) = self.next() {
            work(job);
        }
    }

    /// The next job, with `busy` held for it; `None` when there will be no more.
    fn next(&self) -> Option<(J, MutexGuard<'_, ()>)> {
        loop {
            let mut queue = lock(&self.queue);
            while queue.jobs.is_empty() && !queue.closed {
                queue = self.filled.wait(queue).unwrap_or_else(|e| e.into_inner());
            }
            if queue.closed {
                return None;
            }
            drop(queue);
            // Taken before the queue, as a fork does.
            let busy = lock(&self.busy);
            if let Some(job) = lock(&self.queue).jobs.pop_front() {
                return Some((job, busy));
            }
        }
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
        let worker = Worker::new(&Config { background: true, ..Config::default() }).unwrap();
        let (sender, done) = channel();
        let work = move |n: u32| sender.send(n).unwrap();
        worker.push(1, work.clone()).unwrap();
        assert_eq!(done.recv(), Ok(1));
        worker.paused(&mut || ());
        for n in 2..50 {
            worker.push(n, work.clone()).unwrap();
        }
        assert!((2..50).all(|n| done.recv() == Ok(n)));
    }

    #[test]
    fn job_comes_back_where_no_thread_can_start() {
        let config = Config { background: true, spawn: |_| false, ..Config::default() };
        assert_eq!(Worker::new(&config).unwrap().push(7, |_| ()), Err(7));
    }
}
