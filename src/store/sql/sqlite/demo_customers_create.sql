-- A row for each booking, as a booking system keeps them: somebody who booked twice stands here twice.
CREATE TABLE customers (
    booking TEXT NOT NULL PRIMARY KEY,
    booked_on TEXT NOT NULL,
    id TEXT NOT NULL,
    full_name TEXT,
    email_address TEXT,
    language TEXT,
    country TEXT NOT NULL,
    state TEXT
) STRICT
