"""The local mailbox keeps what it is given and shows it without running it."""

from email.message import EmailMessage

import pytest

from infra.local.mailbox import Mailbox, create_app

NASTY = "<script>alert(1)</script> Bổ sung hồ sơ"


def letter(subject="Hồ sơ đã được tiếp nhận", text="Kính gửi ông Lò Văn A"):
    message = EmailMessage()
    message["From"] = "Sơn La <khong-tra-loi@ioc.invalid>"
    message["Subject"] = subject
    message.set_content(text)
    return message


@pytest.fixture
def mailbox(tmp_path):
    return Mailbox(tmp_path / "mailbox")


@pytest.fixture
def page(mailbox):
    return create_app(mailbox).test_client()


def test_a_kept_message_is_there_after_a_restart(mailbox, tmp_path):
    name = mailbox.keep("s@ioc.invalid", ["a@example.vn"], letter().as_bytes())

    message = Mailbox(tmp_path / "mailbox").read(name)

    assert message.subject == "Hồ sơ đã được tiếp nhận"
    assert message.text.strip() == "Kính gửi ông Lò Văn A"
    assert message.to == ("a@example.vn",)


def test_the_newest_message_stands_first(mailbox, page):
    for number in range(3):
        mailbox.keep("s@ioc.invalid", ["a@example.vn"], letter(f"thư {number}").as_bytes())

    subjects = [message["subject"] for message in page.get("/api/messages").json["messages"]]

    assert subjects == ["thư 2", "thư 1", "thư 0"]


def test_messages_are_found_by_recipient_hidden_ones_too_and_without_regard_to_case(mailbox, page):
    mailbox.keep("s@ioc.invalid", ["a@example.vn", "hidden@example.vn"], letter("cho A").as_bytes())
    mailbox.keep("s@ioc.invalid", ["b@example.vn"], letter("cho B").as_bytes())

    found = page.get("/api/messages", query_string={"to": "HIDDEN@example.vn"}).json["messages"]

    assert [message["subject"] for message in found] == ["cho A"]


def test_the_pages_escape_what_a_message_says(mailbox, page):
    name = mailbox.keep("s@ioc.invalid", ["a@example.vn"], letter(NASTY, NASTY).as_bytes())

    for path in ("/", f"/messages/{name}"):
        body = page.get(path).text
        assert "&lt;script&gt;alert(1)" in body
        assert "<script" not in body


def test_an_html_body_is_shown_in_a_frame_that_runs_nothing(mailbox, page):
    message = letter()
    message.add_alternative('"><script>alert(1)</script>', subtype="html")
    name = mailbox.keep("s@ioc.invalid", ["a@example.vn"], message.as_bytes())

    answer = page.get(f"/messages/{name}")

    assert "<iframe sandbox srcdoc=" in answer.text
    assert "<script" not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_a_message_in_an_unknown_charset_or_no_message_at_all_is_still_shown(mailbox, page):
    mailbox.keep("", ["a@example.vn"], b"Content-Type: text/plain; charset=klingon\r\n\r\nxin ch\xc3\xa0o")
    mailbox.keep("", ["a@example.vn"], b"\xff\xfe\x00 not a message")

    assert page.get("/").status_code == 200
    for message in page.get("/api/messages").json["messages"]:
        assert page.get(f"/messages/{message['id']}").status_code == 200


@pytest.mark.parametrize("name", ["../passwords", "..%2fpasswords", "x", "0" * 29])
def test_only_ids_of_messages_are_looked_up(page, name):
    assert page.get(f"/messages/{name}").status_code == 404
    assert page.get(f"/messages/{name}.eml").status_code == 404


def test_deleting_the_messages_leaves_an_empty_mailbox(mailbox, page):
    mailbox.keep("s@ioc.invalid", ["a@example.vn"], letter().as_bytes())

    assert page.delete("/api/messages").json == {"deleted": 1}
    assert page.get("/api/messages").json == {"messages": []}


def test_a_name_that_is_not_this_machine_is_refused(page):
    assert page.get("/", headers={"Host": "attacker.example"}).status_code == 400
