use super::*;
use std::{
    panic::catch_unwind,
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

#[test]
fn every_task_runs_once_whatever_the_thread_count() {
    for n_threads in [1, 2, 3, 8] {
        let pool = Pool::new(n_threads);
        for n_tasks in [0, 1, 2, 7, 1000] {
            let counts: Vec<_> = (0..n_tasks).map(|_| AtomicUsize::new(0)).collect();
            pool.run(n_tasks, |i, worker| {
                assert!(worker < n_threads);
                counts[i].fetch_add(1, Ordering::Relaxed);
            });
            assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1), "{n_threads} threads, {n_tasks} tasks");
        }
    }
}

#[test]
fn tiles_cover_every_element_once() {
    let pool = Pool::new(3);
    for (n_rows, n_cols, tile_rows, tile_cols) in [(1, 1, 1, 1), (5, 7, 2, 3), (4, 64, 4, 64), (9, 10, 100, 1)] {
        let (mut a, mut b) = (vec![0u32; n_rows * n_cols], vec![0u32; 2 * n_cols]);
        let outputs =
            [Output::new(&mut a, n_cols, tile_cols, tile_rows), Output::new(&mut b, n_cols, tile_cols, tile_rows)];
        pool.for_tiles(&outputs, |mut tile, _| {
            for r in 0..tile.rows.len() {
                let first = tile.rows.start + r;
                let cols = tile.cols.clone();
                for (value, c) in tile.row(r).iter_mut().zip(cols) {
                    *value += 1 + (first * n_cols + c) as u32;
                }
            }
        });
        assert!(a.iter().enumerate().all(|(i, &v)| v == 1 + i as u32));
        assert!(b.iter().enumerate().all(|(i, &v)| v == 1 + i as u32));
    }
}

#[test]
fn tiles_come_with_the_one_at_their_place() {
    let pool = Pool::new(3);
    for is_little in [true, false] {
        // A row of `a` for each three columns of `b`.
        let (mut a, mut b) = (vec![0u32; 7 * 5], vec![0u32; 4 * 21]);
        let outputs = [Output::new(&mut a, 5, 5, 1), Output::new(&mut b, 21, 3, 4)];
        pool.for_tile_pairs(&outputs[0], &outputs[1], is_little, |mut a, mut b| {
            assert_eq!(a.rows.start * 3, b.cols.start);
            let place = a.rows.start as u32;
            a.row(0).iter_mut().for_each(|x| *x += place);
            (0..4).for_each(|r| b.row(r).iter_mut().for_each(|x| *x += place));
        });
        assert!((0..).zip(&a).all(|(i, x)| *x == i / 5), "{a:?}");
        assert!((0..).zip(&b).all(|(i, x)| *x == i % 21 / 3), "{b:?}");
    }
}

#[test]
fn rows_are_cut_at_whole_rows() {
    let pool = Pool::new(2);
    let mut data = vec![0usize; 3 * 37];
    pool.for_rows(&mut data, 3, 2, |first, rows, _| {
        assert_eq!(rows.len() % 3, 0);
        for (i, value) in rows.iter_mut().enumerate() {
            *value = first * 3 + i;
        }
    });
    assert!(data.iter().enumerate().all(|(i, &v)| v == i));
}

#[test]
fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
    let pool = Pool::new(2);
    for round in 0..50 {
        let result = catch_unwind(std::panic::AssertUnwindSafe(|| {
            pool.run(64, |i, _| assert!(i != round, "task {round} fails"));
        }));
        let message = *result.unwrap_err().downcast::<String>().expect("a formatted panic");
        assert_eq!(message, format!("task {round} fails"));
        let sum = AtomicUsize::new(0);
        pool.run(64, |i, _| {
            sum.fetch_add(i, Ordering::Relaxed);
        });
        assert_eq!(sum.into_inner(), 63 * 32);
    }
}

#[test]
fn two_callers_take_turns() {
    let pool = Pool::new(2);
    let is_inside = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let first = AtomicBool::new(true);
                    pool.run(4, |_, worker| {
                        if worker == 0 && first.swap(false, Ordering::SeqCst) {
                            assert!(!is_inside.swap(true, Ordering::SeqCst), "two regions at once");
                            is_inside.store(false, Ordering::SeqCst);
                        }
                    });
                }
            });
        }
    });
}

#[test]
fn regions_work_after_the_workers_fell_asleep() {
    let pool = Pool::new(4);
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(5));
        let count = AtomicUsize::new(0);
        pool.run(100, |_, _| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(count.into_inner(), 100);
    }
}

/// With as many busy threads as cores, a barrier that only spins waits for a time slice in each region: some four
/// milliseconds.
#[test]
fn a_busy_machine_does_not_stop_the_pool() {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..default_threads() {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let pool = Pool::new(2);
        let start = Instant::now();
        let n_done = AtomicUsize::new(0);
        for _ in 0..3000 {
            pool.run(4, |_, _| {
                n_done.fetch_add(1, Ordering::Relaxed);
            });
        }
        let elapsed = start.elapsed();
        stop.store(true, Ordering::Relaxed);
        assert_eq!(n_done.into_inner(), 12_000);
        assert!(elapsed < Duration::from_secs(8), "3000 regions took {elapsed:?}");
    });
}
