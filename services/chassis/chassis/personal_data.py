"""The fields that point at a person: in no public event and no log line (NĐ 13/2023, art. 2(3) and 2(4))."""

FIELDS = frozenset(
    {
        "address",
        "applicant",
        "applicant_name",
        "birth_date",
        "birth_year",
        "body",
        "citizen_id",
        "citizen_name",
        "date_of_birth",
        "email",
        "face",
        "full_name",
        "gender",
        "health",
        "identity_number",
        "passport_number",
        "person_name",
        "phone",
        "phone_number",
        "recipient",
        "tax_number",
        "telephone",
        "zalo_id",
    }
)
