# Rust: the compiler builds a program and the tests of a small crate: threads, channels, panics, collections, text, arithmetic.
# tier: full
# packages: rustc gcc libc6-dev
# timeout: 900
cd /work
export HOME=$PWD
cat >small.rs <<'END'
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{mpsc, Arc, Condvar, Mutex, RwLock};
use std::time::{Duration, Instant, SystemTime};

pub fn primes(n: usize) -> Vec<usize> {
    let mut sieve = vec![true; n];
    (2..n).filter(|&k| { if sieve[k] { (k * k..n).step_by(k).for_each(|m| sieve[m] = false); } sieve[k] }).collect()
}

pub fn words(text: &str) -> BTreeMap<String, usize> {
    text.split_whitespace().fold(BTreeMap::new(), |mut m, w| { *m.entry(w.to_lowercase()).or_default() += 1; m })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sieve() { let p = primes(20000); assert_eq!((p.len(), p[2000]), (2262, 17393)); }

    #[test]
    fn counted_words() { assert_eq!(words("To be or not to be")["be"], 2); }

    #[test]
    fn channels() {
        let (tx, rx) = mpsc::sync_channel(10);
        let threads: Vec<_> = (0..8u64).map(|n| { let tx = tx.clone(); std::thread::spawn(move || (0..1000).for_each(|k| tx.send(n * k).unwrap())) }).collect();
        drop(tx);
        assert_eq!(rx.iter().sum::<u64>(), 28 * 499500);
        threads.into_iter().for_each(|t| t.join().unwrap());
    }

    #[test]
    fn shared_state() {
        let (count, lock, pair) = (Arc::new(AtomicU64::new(0)), Arc::new(RwLock::new(0u64)), Arc::new((Mutex::new(0), Condvar::new())));
        let threads: Vec<_> = (0..8).map(|_| {
            let (count, lock, pair) = (count.clone(), lock.clone(), pair.clone());
            std::thread::spawn(move || {
                for _ in 0..2000 { count.fetch_add(1, Ordering::Relaxed); *lock.write().unwrap() += 1; }
                *pair.0.lock().unwrap() += 1; pair.1.notify_all();
            })
        }).collect();
        let mut done = pair.0.lock().unwrap();
        while *done < 8 { done = pair.1.wait(done).unwrap(); }
        drop(done);
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!((count.load(Ordering::Relaxed), *lock.read().unwrap()), (16000, 16000));
    }

    #[test]
    #[should_panic(expected = "index out of bounds")]
    fn bounds() { let v = vec![1]; let n = v.len() + 4; let _ = v[n]; }

    #[test]
    fn unwinding() {
        struct Noted<'a>(&'a AtomicU64);
        impl Drop for Noted<'_> { fn drop(&mut self) { self.0.fetch_add(1, Ordering::Relaxed); } }
        let dropped = AtomicU64::new(0);
        for _ in 0..100 {
            let r = std::panic::catch_unwind(|| { let _a = Noted(&dropped); let _b = Noted(&dropped); if dropped.load(Ordering::Relaxed) < 1000 { panic!("out") } });
            assert_eq!(*r.unwrap_err().downcast::<&str>().unwrap(), "out");
        }
        assert_eq!(dropped.load(Ordering::Relaxed), 200);
    }

    #[test]
    fn numbers() {
        assert_eq!(u128::MAX / 3 % 1_000_000_007, 759877430);
        assert_eq!(format!("{:.12e} {}", 1.0f64 / 3.0, f32::MAX), "3.333333333333e-1 340282350000000000000000000000000000000");
        assert_eq!("1e-310".parse::<f64>().unwrap().to_bits(), 20240225330731);
        assert_eq!((i32::MAX.checked_add(1), 7u64.pow(20).leading_zeros(), (-7i64).rem_euclid(3)), (None, 7, 2));
    }

    #[test]
    fn sets() { let a: HashSet<u32> = (0..5000).map(|n| n * n % 1009).collect(); let m: HashMap<_, _> = a.iter().map(|n| (n, n + 1)).collect(); assert_eq!((a.len(), m[&4]), (505, 5)); }

    #[test]
    fn time_goes_on() {
        let (start, now) = (Instant::now(), SystemTime::now());
        std::thread::sleep(Duration::from_millis(20));
        assert!(start.elapsed() >= Duration::from_millis(20) && now.elapsed().unwrap() >= Duration::from_millis(19));
    }
}
END
rustc --version
rustc -O --test small.rs -o tests && ./tests --test-threads=4 2>&1 | grep -v '^thread\|^note' | sed 's/finished in .*/finished/' | sort
cat >main.rs <<'END'
fn main() {
    let mut v: Vec<String> = std::env::args().skip(1).collect();
    v.sort_by(|a, b| b.cmp(a));
    println!("{v:?} {}", v.iter().map(|s| s.len()).sum::<usize>());
    std::process::exit(std::process::Command::new("sh").args(["-c", "exit 7"]).status().unwrap().code().unwrap());
}
END
rustc -C opt-level=3 main.rs && { ./main b c a ü; echo "status $?"; }
