SELECT * FROM campaigns WHERE name = ?1
