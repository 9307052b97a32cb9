"""Values and kits without WhatsApp in them."""
