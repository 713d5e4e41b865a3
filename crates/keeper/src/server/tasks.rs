//! Changes of the keeper's tasks, all or some of them.

use std::time::Instant;

use hallway_engine::keeper::message::{Answer, Refusal, Request};
use hallway_engine::keeper::{BoundSocket, Desired, Listen};

use super::Keeper;
use crate::options::eprint;
use crate::watch;

impl Keeper<'_> {
    /// The guard first: it closes what is served next.
    pub(super) async fn sync(
        &mut self,
        wanted: Desired,
        fresh: Vec<BoundSocket>,
    ) -> Result<usize, Refusal> {
        let guard = self.guard.protect(wanted.guarded);
        let guard = guard.map_err(|e| Refusal::Guard { why: e.to_string() })?;
        let moved = self.forwarder.sync(wanted.forwards, fresh).await;
        let moved = moved.map_err(|e| Refusal::Listener { why: e.to_string() })?;
        let (changed, actions) = self.supervisor.sync(wanted.programs, Instant::now());
        self.act(actions);
        if !self.watched {
            // Without notifications the network works as well; only repairs then need a command.
            match watch::start(self.options, self.project.clone()) {
                Ok(()) => self.watched = true,
                Err(failure) => {
                    eprint(&format!("nothing is repaired without a command: {failure}"))
                }
            }
        }
        Ok(usize::from(guard) + moved + changed)
    }

    /// Some programs and listeners, besides the others.
    pub(super) async fn change(
        &mut self,
        request: Request,
        fresh: Vec<BoundSocket>,
    ) -> std::io::Result<Answer> {
        let Request::Change {
            stop,
            close,
            programs,
            forwards,
            ..
        } = request
        else {
            return Ok(Answer::Done { changed: 0 });
        };
        rustix::process::set_parent_process_death_signal(None)?;
        let close: Vec<Listen> = close.into_iter().map(Into::into).collect();
        let forwards = forwards.into_iter().map(Into::into).collect();
        let moved = match self.forwarder.change(&close, forwards, fresh).await {
            Ok(moved) => moved,
            Err(e) => return Ok(Answer::Refused(Refusal::Listener { why: e.to_string() })),
        };
        let programs = programs.into_iter().map(Into::into).collect();
        let (changed, actions) = self.supervisor.change(&stop, programs, Instant::now());
        self.act(actions);
        Ok(Answer::Done {
            changed: changed + moved,
        })
    }
}
