//! How many connections can be open at once, and who gets them: neither one listener nor one user of
//! the host can take all, however long it keeps them open.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hallway_engine::Occurrence;
use hallway_engine::keeper::{Listen, open_files_limit};

/// Receives what happens without a request.
pub type Tell = Arc<dyn Fn(Occurrence) + Send + Sync>;

/// The limit for all listeners together; less if the keeper may not open as many files.
const MOST: usize = 2048;
/// The part of what is left that a user who has much gets of one listener.
const SOME: usize = 8;
/// Each connection takes two files; as many stay free for everything else.
const FILES_OF_ONE: u64 = 4;

/// The connections that are open.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    listeners: BTreeMap<Listen, usize>,
    users: BTreeMap<u32, usize>,
    both: BTreeMap<(Listen, u32), usize>,
}

impl Default for Connections {
    fn default() -> Self {
        let files = usize::try_from(open_files_limit() / FILES_OF_ONE).unwrap_or(MOST);
        Self {
            most: MOST.min(files),
            open: Mutex::default(),
        }
    }
}

impl Connections {
    /// A place for one more, unless its listener or its user has as many as are left for others. Such a
    /// user gets still some of each other listener.
    pub(super) fn take(self: &Arc<Self>, listen: Listen, user: Option<u32>) -> Option<Taken> {
        let mut open = self.open();
        let left = self.most.saturating_sub(open.all);
        let of_listener = open.listeners.get(&listen).copied().unwrap_or(0);
        let of_user = user.and_then(|user| open.users.get(&user)).copied();
        let here = user
            .and_then(|user| open.both.get(&(listen, user)))
            .copied();
        let has_much = of_user.unwrap_or(0) >= left;
        if of_listener >= left || (has_much && here.unwrap_or(0) >= left / SOME) {
            return None;
        }
        open.all += 1;
        *open.listeners.entry(listen).or_default() += 1;
        if let Some(user) = user {
            *open.users.entry(user).or_default() += 1;
            *open.both.entry((listen, user)).or_default() += 1;
        }
        Some(Taken {
            of: Arc::clone(self),
            listen,
            user,
        })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    of: Arc<Connections>,
    listen: Listen,
    user: Option<u32>,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut open = self.of.open();
        open.all = open.all.saturating_sub(1);
        one_less(open.listeners.entry(self.listen));
        if let Some(user) = self.user {
            one_less(open.users.entry(user));
            one_less(open.both.entry((self.listen, user)));
        }
    }
}

fn one_less<K: Ord>(entry: Entry<'_, K, usize>) {
    if let Entry::Occupied(mut count) = entry {
        *count.get_mut() = count.get().saturating_sub(1);
        if *count.get() == 0 {
            count.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use hallway_engine::keeper::Namespace;
    use hallway_spec::Protocol;

    use super::*;

    fn listen(port: u16) -> Listen {
        Listen {
            address: ([127, 0, 0, 1], port).into(),
            protocol: Protocol::Tcp,
            namespace: Namespace::Project,
        }
    }

    fn fill(all: &Arc<Connections>, port: u16, user: Option<u32>) -> Vec<Taken> {
        std::iter::from_fn(|| all.take(listen(port), user)).collect()
    }

    #[test]
    fn neither_one_listener_nor_one_user_takes_all() {
        let all = Arc::new(Connections {
            most: 64,
            open: Mutex::default(),
        });
        let first = fill(&all, 1, Some(1000));
        assert_eq!(first.len(), 32);
        let more = fill(&all, 2, Some(1000));
        assert_eq!(more.len(), 3, "an eighth of what is left then");
        drop(more);
        assert!(
            fill(&all, 1, Some(1001)).is_empty(),
            "the listener has its share"
        );
        assert_eq!(fill(&all, 2, Some(1001)).len(), 16, "given back at once");
        let others: Vec<Vec<Taken>> = (2..5).map(|port| fill(&all, port, None)).collect();
        let counts: Vec<usize> = others.iter().map(Vec::len).collect();
        assert_eq!(counts, [16, 8, 4]);
        drop((first, others));
        assert_eq!(fill(&all, 1, None).len(), 32);
        let open = all.open();
        assert_eq!(open.all, 0);
        assert!(open.listeners.is_empty() && open.users.is_empty() && open.both.is_empty());
    }
}
