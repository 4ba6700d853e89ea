SELECT * FROM campaigns WHERE state IN ('scheduled', 'sending', 'paused', 'finished', 'cancelled') ORDER BY id
