//! A customer database as another program would keep it, made for the demo. It is never the database of this program.

use std::path::Path;

use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::{StoreError, sql, sqlite};

/// Rows in one statement.
const GROUP: usize = 1_000;

/// One booking of a synthetic customer.
#[derive(Debug, Clone)]
pub struct DemoCustomer {
    /// The booking's own number.
    pub booking: String,
    /// `YYYY-MM-DD`.
    pub booked_on: String,
    /// The customer's number: the same in all bookings of one person.
    pub id: String,
    /// As the customer wrote it; may be empty.
    pub full_name: String,
    /// As the customer wrote it; may be no address at all.
    pub email_address: String,
    /// A language tag, or empty.
    pub language: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Of the USA, two letters.
    pub state: Option<String>,
}

/// What reads the affected customers out of that database: everybody who booked while the incident went on.
pub const DEMO_SELECT: &str = sql!("demo_customers_select");

/// Makes the file `path`, readable by its owner only, with the table `customers` in it.
///
/// # Errors
/// [`StoreError`] where it cannot be made, or holds the table already.
pub async fn write_demo_customers(path: &Path, customers: &[DemoCustomer]) -> Result<(), StoreError> {
    sqlite::create_private(path)?;
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false).disable_statement_logging();
    let mut conn = options.connect().await.map_err(|error| sqlite::open_error(path, error))?;
    sqlx::query(sql!("begin")).execute(&mut conn).await?;
    sqlx::query(sql!("demo_customers_create")).execute(&mut conn).await?;
    for group in customers.chunks(GROUP) {
        let rows: Vec<_> = group
            .iter()
            .map(|one| {
                json!([
                    one.booking,
                    one.booked_on,
                    one.id,
                    one.full_name,
                    one.email_address,
                    one.language,
                    one.country,
                    one.state
                ])
            })
            .collect();
        sqlx::query(sql!("demo_customers_add")).bind(json!(rows).to_string()).execute(&mut conn).await?;
    }
    sqlx::query(sql!("commit")).execute(&mut conn).await?;
    Ok(conn.close().await?)
}
