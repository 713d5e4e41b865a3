//! How many connections can be open at once, and who gets them: neither one listener nor users of the host,
//! one or several, can take all, however long they keep them open.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hallway_engine::Occurrence;
use hallway_engine::keeper::{Listen, open_files_limit};
use tokio::sync::Notify;

/// Receives what happens without a request.
pub type EventSink = Arc<dyn Fn(Occurrence) + Send + Sync>;

/// The limit for all listeners together; less if the keeper may not open as many files.
const CONNECTIONS_MAX: usize = 2048;
/// The part of what is left that a user who has much gets of one listener.
const RESERVED_DIVISOR: usize = 8;
/// Each connection takes two files; as many stay free for everything else.
const FILES_OF_ONE: u64 = 4;

/// The connections that are open.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    /// Counts uses of all connections: the one with the lowest number is idle for the longest time.
    uses: AtomicU64,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    listeners: BTreeMap<Listen, usize>,
    /// Those of each user that is known.
    users: BTreeMap<u32, Vec<Arc<UserConnection>>>,
    both: BTreeMap<(Listen, u32), usize>,
}

/// One connection of a known user.
#[derive(Debug)]
struct UserConnection {
    listen: Listen,
    /// The number of its last use.
    used: AtomicU64,
    /// Notified when its place is given to another user.
    lost: Notify,
}

impl Default for Connections {
    fn default() -> Self {
        let files = usize::try_from(open_files_limit() / FILES_OF_ONE).unwrap_or(CONNECTIONS_MAX);
        Self::new(CONNECTIONS_MAX.min(files))
    }
}

impl Connections {
    fn new(most: usize) -> Self {
        Self {
            most,
            uses: AtomicU64::default(),
            open: Mutex::default(),
        }
    }

    /// A place for one more, unless its listener or its user has as many as are left for others. Such a
    /// user gets still some of each other listener. When little is left, a user gets the place of the
    /// longest idle connection of the user who has the most; in the same way where the listener has its share.
    pub(super) fn acquire(
        self: &Arc<Self>,
        listen: Listen,
        user: Option<u32>,
    ) -> Option<ConnectionPermit> {
        let mut open = self.open();
        let left = self.most.saturating_sub(open.all);
        let of_listener = open.listeners.get(&listen).copied().unwrap_or(0);
        let instead_of = if open.is_free(left, listen, user) {
            None
        } else {
            let (full, little) = (of_listener >= left, left <= self.most / RESERVED_DIVISOR);
            let of_this = full.then(|| open.evict(user?, Some(listen))).flatten();
            let of_any = || little.then(|| open.evict(user?, None)).flatten();
            Some(of_this.or_else(of_any)?)
        };
        open.all += 1;
        *open.listeners.entry(listen).or_default() += 1;
        let held = Arc::new(UserConnection {
            listen,
            used: AtomicU64::new(self.next_use()),
            lost: Notify::new(),
        });
        if let Some(user) = user {
            open.users.entry(user).or_default().push(Arc::clone(&held));
            *open.both.entry((listen, user)).or_default() += 1;
        }
        Some(ConnectionPermit {
            of: Arc::clone(self),
            held,
            user,
            instead_of,
        })
    }

    /// How many are open, for reports.
    pub(super) fn words(&self) -> String {
        let all = self.open().all;
        format!("{all} are open, and other users have fewer than this one")
    }

    fn next_use(&self) -> u64 {
        self.uses.fetch_add(1, Ordering::Relaxed)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Whether one more leaves as many to others.
    fn is_free(&self, left: usize, listen: Listen, user: Option<u32>) -> bool {
        let of_listener = self.listeners.get(&listen).copied().unwrap_or(0);
        let of_user = user.map_or(0, |user| self.of(user));
        let here = user
            .and_then(|user| self.both.get(&(listen, user)))
            .copied();
        let has_much = of_user >= left;
        of_listener < left && !(has_much && here.unwrap_or(0) >= left / RESERVED_DIVISOR)
    }

    fn of(&self, user: u32) -> usize {
        self.users.get(&user).map_or(0, Vec::len)
    }

    /// Takes a place, of this listener if one is given, from the user who has the most of them, unless that
    /// is no more than `user` will have.
    fn evict(&mut self, user: u32, of: Option<Listen>) -> Option<u32> {
        let counts = |held: &&Arc<UserConnection>| of.is_none_or(|listen| held.listen == listen);
        let own = self.users.get(&user).into_iter().flatten();
        let own = own.filter(counts).count();
        let users = self.users.iter();
        let users = users.map(|(user, held)| (held.iter().filter(counts).count(), *user));
        let (_, heaviest) = users.max().filter(|(count, _)| *count > own + 1)?;
        let held = self.users.get(&heaviest)?.iter().filter(counts);
        let idle = held.min_by_key(|held| held.used.load(Ordering::Relaxed));
        let idle = Arc::clone(idle?);
        self.remove(heaviest, &idle);
        idle.lost.notify_one();
        Some(heaviest)
    }

    /// Gives back the place of a connection of a user, if it still has it.
    fn remove(&mut self, user: u32, held: &Arc<UserConnection>) {
        let Entry::Occupied(mut all) = self.users.entry(user) else {
            return;
        };
        let Some(at) = all.get().iter().position(|h| Arc::ptr_eq(h, held)) else {
            return;
        };
        all.get_mut().swap_remove(at);
        if all.get().is_empty() {
            all.remove();
        }
        one_less(self.both.entry((held.listen, user)));
        self.remove_from(held.listen);
    }

    fn remove_from(&mut self, listen: Listen) {
        self.all = self.all.saturating_sub(1);
        one_less(self.listeners.entry(listen));
    }
}

/// The place of one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    of: Arc<Connections>,
    held: Arc<UserConnection>,
    user: Option<u32>,
    /// The user who had this place.
    pub(super) instead_of: Option<u32>,
}

impl ConnectionPermit {
    /// Data was passed on.
    pub(super) fn used(&self) {
        self.held.used.store(self.of.next_use(), Ordering::Relaxed);
    }

    /// Waits until the place is given to another user.
    pub(super) async fn lost(&self) {
        self.held.lost.notified().await;
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.of.open();
        match self.user {
            Some(user) => open.remove(user, &self.held),
            None => open.remove_from(self.held.listen),
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

    fn fill(all: &Arc<Connections>, port: u16, user: Option<u32>) -> Vec<ConnectionPermit> {
        std::iter::from_fn(|| all.acquire(listen(port), user)).collect()
    }

    #[test]
    fn neither_one_listener_nor_one_user_takes_all() {
        let all = Arc::new(Connections::new(64));
        let first = fill(&all, 1, Some(1000));
        assert_eq!(first.len(), 32);
        let more = fill(&all, 2, Some(1000));
        assert_eq!(more.len(), 3, "an eighth of what is left then");
        drop(more);
        assert!(fill(&all, 1, None).is_empty(), "the listener has its share");
        assert_eq!(fill(&all, 2, Some(1001)).len(), 16, "given back at once");
        let others: Vec<Vec<ConnectionPermit>> =
            (2..5).map(|port| fill(&all, port, None)).collect();
        let counts: Vec<usize> = others.iter().map(Vec::len).collect();
        assert_eq!(counts, [16, 8, 4]);
        drop((first, others));
        assert_eq!(fill(&all, 1, None).len(), 32);
        let open = all.open();
        assert_eq!(open.all, 0);
        assert!(open.listeners.is_empty() && open.users.is_empty() && open.both.is_empty());
    }

    #[test]
    fn users_divide_the_share_of_a_listener() {
        let all = Arc::new(Connections::new(64));
        let first = fill(&all, 1, Some(1000));
        let second = fill(&all, 1, Some(1001));
        assert_eq!((first.len(), second.len()), (32, 16));
        assert!(second.iter().all(|t| t.instead_of == Some(1000)));
        assert_eq!(all.open().of(1000), 16);
    }

    /// The longest idle connections of those who have the most are lost to those who have less.
    #[test]
    fn many_users_leave_room_for_another() {
        const USERS: u32 = 20;
        let all = Arc::new(Connections::new(64));
        let of = |user: u32| all.open().of(user);
        let mut held: Vec<Vec<ConnectionPermit>> = Vec::new();
        for user in 0..USERS {
            held.push(fill(&all, user as u16 % 7, Some(user)));
        }
        let counts: Vec<usize> = (0..USERS).map(of).collect();
        assert!(counts.iter().all(|c| *c >= 2), "{counts:?}");
        assert!(all.open().all <= 64, "{counts:?}");
        let most = counts.iter().max().unwrap();
        let heaviest = (0..USERS).rev().find(|user| of(*user) == *most).unwrap();
        let own = &held[heaviest as usize];
        let has_place = |t: &&ConnectionPermit| {
            all.open().users[&heaviest]
                .iter()
                .any(|h| Arc::ptr_eq(h, &t.held))
        };
        let (idle, used) = {
            let mut has = own.iter().filter(has_place);
            (has.next().unwrap(), has.next().unwrap())
        };
        own.iter()
            .filter(|t| !Arc::ptr_eq(&t.held, &idle.held))
            .for_each(ConnectionPermit::used);
        let newcomer = all.acquire(listen(9), Some(USERS)).unwrap();
        assert_eq!(newcomer.instead_of, Some(heaviest));
        assert!(!has_place(&idle) && has_place(&used));
        assert!(
            all.acquire(listen(1), None).is_none(),
            "an unknown user gets no place of another user"
        );
        drop((newcomer, held));
        let open = all.open();
        assert_eq!(open.all, 0);
        assert!(open.listeners.is_empty() && open.users.is_empty() && open.both.is_empty());
    }
}
