SELECT id, full_name, email_address, language,
       CASE country WHEN 'US' THEN 'US-' || state WHEN 'GB' THEN 'UK' ELSE 'EU-' || country END AS jurisdiction,
       booking
FROM customers
WHERE booked_on BETWEEN '2017-09-26' AND '2017-10-12'
ORDER BY booking
