-- What an erasure looks for: texts about one conversation or one customer.
CREATE INDEX notification_of_conversation ON notification (tenant_id, conversation_id) WHERE note <> '';
CREATE INDEX notification_of_customer ON notification (tenant_id, customer_id) WHERE customer_id IS NOT NULL AND note <> '';
CREATE INDEX reservation_answered ON reservation (tenant_id, conversation_id) WHERE answer IS NOT NULL;
