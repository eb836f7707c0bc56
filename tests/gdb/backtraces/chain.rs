// Rust with optimisation: closures, iterators (inlined frames), trait objects, collections, panics that are caught.
use std::collections::{BTreeMap, HashMap};
use std::panic;

trait Step {
    fn apply(&self, x: u64) -> Option<u64>;
}

struct Add(u64);
struct Twice<S: Step>(S);

impl Step for Add {
    #[inline(never)]
    fn apply(&self, x: u64) -> Option<u64> {
        x.checked_add(self.0)
    }
}

impl<S: Step> Step for Twice<S> {
    fn apply(&self, x: u64) -> Option<u64> {
        self.0.apply(x).and_then(|y| self.0.apply(y))
    }
}

struct Noisy<'a>(&'a mut Vec<String>, u64);

impl<'a> Drop for Noisy<'a> {
    fn drop(&mut self) {
        self.0.push(format!("dropped {}", self.1));
    }
}

#[inline(never)]
fn fails(depth: u64, log: &mut Vec<String>) -> u64 {
    let mut inner = Vec::new();
    let r = {
        let guard = Noisy(&mut inner, depth);
        if depth == 0 {
            let nothing: Vec<u64> = Vec::new();
            return nothing[guard.1 as usize];
        }
        let mut below = Vec::new();
        let r = fails(depth - 1, &mut below);
        r + below.len() as u64
    };
    log.append(&mut inner);
    r
}

#[inline(never)]
fn words(text: &str) -> BTreeMap<String, usize> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in text.split_whitespace().filter(|w| !w.is_empty()) {
        *counts.entry(word).or_insert(0) += 1;
    }
    let mut sorted: Vec<_> = counts.into_iter().map(|(k, v)| (k.to_uppercase(), v)).collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    sorted.into_iter().collect()
}

fn main() {
    panic::set_hook(Box::new(|_| {}));
    let steps: Vec<Box<dyn Step>> = vec![Box::new(Add(3)), Box::new(Twice(Add(5))), Box::new(Twice(Twice(Add(7))))];
    let mut total = 0u64;
    for round in 0..30u64 {
        total = steps.iter().filter_map(|s| s.apply(total)).sum::<u64>() % 1_000_003 + round;
        let caught = panic::catch_unwind(|| {
            let mut log = Vec::new();
            fails(round % 4, &mut log)
        });
        total += caught.is_err() as u64;
        total += words("one two three two three three four four four four").values().sum::<usize>() as u64;
    }
    println!("{}", total);
}
