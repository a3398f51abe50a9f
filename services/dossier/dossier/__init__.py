"""dossier: administrative-procedure dossiers, from filing to result, against the legal clock."""
