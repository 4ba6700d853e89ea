-- ?1: [[booking, booked_on, id, full_name, email_address, language, country, state or null]]
INSERT INTO customers (booking, booked_on, id, full_name, email_address, language, country, state)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7
FROM json_each(?1)
