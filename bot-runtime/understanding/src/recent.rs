//! What was asked for lately, and its answer.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Answers by what was asked. Two generations: when the younger is full the older one goes, so that what is asked for
/// again stays.
#[derive(Debug)]
pub(crate) struct Recent<V> {
    most: usize,
    known: Mutex<Generations<V>>,
}

#[derive(Debug)]
struct Generations<V> {
    young: HashMap<String, V>,
    old: HashMap<String, V>,
}

impl<V: Clone> Recent<V> {
    /// Keeps so many answers at most.
    pub(crate) fn new(most: usize) -> Self {
        let known = Mutex::new(Generations { young: HashMap::new(), old: HashMap::new() });
        Self { most, known }
    }

    fn known(&self) -> MutexGuard<'_, Generations<V>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, asked: &str) -> Option<V> {
        let mut known = self.known();
        if let Some(answer) = known.young.get(asked) {
            return Some(answer.clone());
        }
        let answer = known.old.get(asked)?.clone();
        known.put(asked, answer.clone(), self.most);
        Some(answer)
    }

    pub(crate) fn put(&self, asked: &str, answer: V) {
        self.known().put(asked, answer, self.most);
    }

    pub(crate) fn clear(&self) {
        let mut known = self.known();
        known.young.clear();
        known.old.clear();
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        let known = self.known();
        known.young.len() + known.old.len()
    }
}

impl<V> Generations<V> {
    fn put(&mut self, asked: &str, answer: V, most: usize) {
        if self.young.len() >= most / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(asked.to_owned(), answer);
    }
}
