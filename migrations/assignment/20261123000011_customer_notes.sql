-- Notes about customers call agents too. The release before reads `conversation_id` as a value: a notification about a
-- customer has the nil UUID there, and names the customer here.
ALTER TABLE notification ADD COLUMN customer_id uuid;
