"""Consent: GDPR consent for each purpose, and the CCPA's opt-out of data sale."""

from mpfluent import Batch, ConsentState, GDPRConsentState

ASKED = "2026-11-23T10:15:00Z"

batch = (
    Batch.for_user(customer_id="123456")
    .with_gdpr_consent("marketing", True, at=ASKED, document="terms_v4", location="checkout")
    .with_gdpr_consent("analytics", False, at=ASKED)
    .with_ccpa_data_sale_opt_out(at=ASKED)  # the user opted out: do not sell
)

# If you already have a record, use it. Records merge purpose by purpose.
imported = ConsentState(gdpr={"profiling": GDPRConsentState(True, ASKED)})
batch = batch.with_consent_state(imported)

consents = batch.to_dict()["consent_state"]
for purpose, consent in consents["gdpr"].items():
    print("GDPR", purpose, "agreed" if consent["consented"] else "refused")
print("CCPA", "do not sell" if consents["ccpa"]["data_sale_opt_out"]["consented"] else "may sell")

print("without_consent() leaves", batch.without_consent().to_dict())
