//! Durable subscriptions, as they are kept.

use redb::{ReadableDatabase, ReadableTable, TableDefinition, TableError};

use super::{State, StateError};

/// By name: filter, when it was made and changed (nanoseconds), cursor.
const SUBSCRIPTIONS: TableDefinition<'_, &str, (&str, i64, i64, &str)> =
    TableDefinition::new("subscriptions");

/// A durable subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSubscription {
    /// Its name.
    pub name: String,
    /// Its filter's text.
    pub filter: String,
    /// When it was made, in nanoseconds since 1970.
    pub created: i64,
    /// When its filter was changed, in nanoseconds since 1970.
    pub updated: i64,
    /// The cursor of what is acknowledged.
    pub acknowledged: String,
}

impl State {
    /// All durable subscriptions, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub fn subscriptions(&self) -> Result<Vec<KeptSubscription>, StateError> {
        self.with(|database| {
            let transaction = database.begin_read()?;
            let table = match transaction.open_table(SUBSCRIPTIONS) {
                Ok(table) => table,
                Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
                Err(error) => return Err(error.into()),
            };
            let kept = table.iter()?.map(|entry| {
                let (name, kept) = entry?;
                let (filter, created, updated, acknowledged) = kept.value();
                Ok(KeptSubscription {
                    name: name.value().to_owned(),
                    filter: filter.to_owned(),
                    created,
                    updated,
                    acknowledged: acknowledged.to_owned(),
                })
            });
            kept.collect()
        })
    }

    /// Forgets those that are gone and keeps all of these, in one transaction.
    ///
    /// # Errors
    /// When the store fails; whether it is written or not is not known then.
    pub fn keep_subscriptions(
        &self,
        all: &[KeptSubscription],
        gone: &[String],
    ) -> Result<(), StateError> {
        self.with(|database| {
            let transaction = database.begin_write()?;
            let mut table = transaction.open_table(SUBSCRIPTIONS)?;
            for name in gone {
                table.remove(name.as_str())?;
            }
            for kept in all {
                let value = (
                    kept.filter.as_str(),
                    kept.created,
                    kept.updated,
                    kept.acknowledged.as_str(),
                );
                table.insert(kept.name.as_str(), value)?;
            }
            drop(table);
            Ok(transaction.commit()?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_outlive_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let kept = |name: &str, updated| KeptSubscription {
            name: name.to_owned(),
            filter: "rule = a".to_owned(),
            created: -1,
            updated,
            acknowledged: "cursor".to_owned(),
        };
        let state = State::open(folder.path()).unwrap();
        assert_eq!(state.subscriptions().unwrap(), []);
        state
            .keep_subscriptions(&[kept("b", 1), kept("a", 1)], &[])
            .unwrap();
        state.keep_subscriptions(&[kept("b", 2)], &[]).unwrap();
        drop(state);
        let state = State::open(folder.path()).unwrap();
        assert_eq!(state.subscriptions().unwrap(), [kept("a", 1), kept("b", 2)]);
        // One that is made again is kept.
        let gone = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        state.keep_subscriptions(&[kept("b", 3)], &gone).unwrap();
        assert_eq!(state.subscriptions().unwrap(), [kept("b", 3)]);
    }
}
