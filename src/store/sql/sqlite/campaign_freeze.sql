UPDATE campaigns SET frozen = ?2, frozen_hash = ?3, notice_date = ?4 WHERE id = ?1
