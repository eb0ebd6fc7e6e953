//! Who makes a call, and what of the gateway is there for him.

use std::sync::Arc;

use jiff::Timestamp;
use tonic::Status;

use super::{limits::Place, request, status};
use crate::{
    access::{Peer, Session},
    delivery::{Choice, View, owner_of},
    filter::Filter,
    pb,
    policy::{Grant, Right},
};

/// The maker of a call. Cheap to clone; the call's session lasts as long as any clone.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    session: Arc<Session>,
    peer: Arc<Peer>,
    /// Among the calls that there may be.
    _place: Option<Arc<Place>>,
}

impl Caller {
    pub(super) fn new(session: Session, peer: Arc<Peer>) -> Self {
        Self {
            session: Arc::new(session),
            peer,
            _place: None,
        }
    }

    /// The same, who has this place until no clone of him is left.
    pub(super) fn in_place(self, place: Option<Arc<Place>>) -> Self {
        Self {
            _place: place,
            ..self
        }
    }

    /// The maker of the request with these extensions.
    ///
    /// # Errors
    /// When nobody asked who it is: then nobody is to be answered.
    pub(super) fn of(extensions: &http::Extensions) -> Result<Self, Status> {
        let caller = extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Status::internal("the call was not authorized"))
    }

    /// His session.
    pub(super) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// What he is granted.
    pub(super) fn grant(&self) -> &Grant {
        self.session.grant()
    }

    /// Where he is.
    pub(super) fn peer(&self) -> String {
        self.peer.address().to_owned()
    }

    /// Who he is.
    pub(super) fn identity(&self) -> String {
        self.session.identity().to_string()
    }

    /// Nothing that was received before this is there for him.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.session.since()
    }

    /// What `filter` wants of what he sees.
    pub(super) fn choice(&self, filter: Filter) -> Choice {
        Choice::new(filter, self.grant().sight.clone())
    }

    /// Reads a filter of his.
    pub(super) fn filter(&self, text: &str) -> Result<Filter, Status> {
        let filter = request::filter(text)?;
        let predicates = filter.predicates();
        let most = self.grant().quota.filter_predicates;
        match most.filter(|most| predicates > *most) {
            None => Ok(filter),
            Some(most) => Err(status::filter_quota(predicates, most)),
        }
    }

    /// Reads how much of alerts he asks for.
    pub(super) fn view(&self, asked: pb::AlertView) -> Result<View, Status> {
        let grant = self.grant();
        let view = match asked {
            pb::AlertView::Unspecified => return Ok(grant.usual_view()),
            pb::AlertView::Basic => View::Basic,
            pb::AlertView::Full => View::Full,
            pb::AlertView::Raw => View::Raw,
        };
        if grant.views.contains(&view) {
            return Ok(view);
        }
        Err(status::view_denied(view, grant))
    }

    /// A stream begins.
    pub(super) fn begin_stream(&self) -> Result<(), Status> {
        let begun = self.session.begin_stream();
        begun.map_err(|denied| status::denied(&denied))
    }

    /// The key of a subscription that is his own.
    pub(super) fn own_key(&self, name: &str) -> Result<String, Status> {
        let key = self.key(name);
        if owner_of(&key) == self.grant().owner() {
            return Ok(key);
        }
        Err(status::foreign_subscription(self.grant()))
    }

    /// The key of a subscription that is his own, or anybody's if he is an admin.
    pub(super) fn any_key(&self, name: &str) -> Result<String, Status> {
        if self.grant().may(Right::Admin) {
            return Ok(self.key(name));
        }
        self.own_key(name)
    }

    /// Whether the subscription with this key is there for him.
    pub(super) fn sees_subscription(&self, key: &str) -> bool {
        self.grant().may(Right::Admin) || owner_of(key) == self.grant().owner()
    }

    /// What he calls the subscription with this key.
    pub(super) fn name_of(&self, key: &str) -> String {
        let owner = self.grant().owner();
        match key.split_once('/') {
            Some((its, name)) if its == owner => name.to_owned(),
            // The gateway's own, to an admin of a grant with some of its own.
            None if !owner.is_empty() => format!("/{key}"),
            _ => key.to_owned(),
        }
    }

    fn key(&self, name: &str) -> String {
        match (name.strip_prefix('/'), self.grant().owner()) {
            (Some(of_gateway), _) => of_gateway.to_owned(),
            (None, "") => name.to_owned(),
            (None, _) if name.contains('/') => name.to_owned(),
            (None, owner) => format!("{owner}/{name}"),
        }
    }
}
