use std::sync::Arc;

use super::ConvertError;
use crate::{
    alert::{Origin, Transport},
    pb,
};

impl From<&Origin> for pb::Origin {
    fn from(origin: &Origin) -> Self {
        Self {
            source_id: origin.source_id.as_ref().to_owned(),
            transport: pb::Transport::from(origin.transport).into(),
            cluster: origin.cluster.as_ref().to_owned(),
            labels: origin.labels.as_ref().clone(),
        }
    }
}

impl TryFrom<pb::Origin> for Origin {
    type Error = ConvertError;

    fn try_from(origin: pb::Origin) -> Result<Self, Self::Error> {
        Ok(Self {
            transport: origin.transport().try_into()?,
            source_id: origin.source_id.into(),
            cluster: origin.cluster.into(),
            labels: Arc::new(origin.labels),
        })
    }
}

impl From<Transport> for pb::Transport {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::FalcoGrpc => Self::FalcoGrpc,
            Transport::Http => Self::Http,
            Transport::File => Self::File,
            Transport::Stdin => Self::Stdin,
            Transport::Publish => Self::Publish,
        }
    }
}

impl TryFrom<pb::Transport> for Transport {
    type Error = ConvertError;

    fn try_from(transport: pb::Transport) -> Result<Self, Self::Error> {
        Ok(match transport {
            pb::Transport::Unspecified => return Err(ConvertError::Field("origin.transport")),
            pb::Transport::FalcoGrpc => Self::FalcoGrpc,
            pb::Transport::Http => Self::Http,
            pb::Transport::File => Self::File,
            pb::Transport::Stdin => Self::Stdin,
            pb::Transport::Publish => Self::Publish,
        })
    }
}
