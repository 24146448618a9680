-- The request id that conversation sees. It begins as the caller's; once conversation has refused it for good (so that a
-- delayed call cannot land), a repetition of the caller's request goes under another one.
ALTER TABLE reservation ADD COLUMN transfer_id uuid;
UPDATE reservation SET transfer_id = request_id;
ALTER TABLE reservation ALTER COLUMN transfer_id SET NOT NULL;
CREATE UNIQUE INDEX reservation_transfer ON reservation (tenant_id, transfer_id);
