"""Published weights, loaded into the models here."""
