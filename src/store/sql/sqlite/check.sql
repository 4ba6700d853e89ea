SELECT at, result FROM checks WHERE campaign_id = ?1 AND frozen_hash = ?2
