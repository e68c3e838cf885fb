"""The offline bank: bunq's protocol with real keys, tokens and signatures, without a network.

``Bank`` is the WSGI application, ``doors`` lead to it, ``Admin`` is what a served bank shows beside
its API, a ``Fault`` makes something go wrong, ``Quirks`` choose a side where sources disagree, and
``bank.callbacks`` lists callbacks, sends them by hand and sends them again.

What it is not
--------------
- All money is play money. Payments to an IBAN outside the bank are booked at once; the real sandbox
  may not carry them out. Nobody charges fees or sends invoices by itself.
- What is due later (schedules, direct debits, interest, the end of sessions, keys, links, iDEAL,
  challenges, shares and quotes, retries of callbacks) happens in the order of its time when the
  clock is moved, and otherwise at the next call. Requests for money do not expire, and neither do
  codes for paying online.
- Savings earn two percent a year, counted by the day and paid at noon after each quarter.
- Daily limits and plans are kept and shown, but not enforced, except that nobody has more than 25
  accounts. There are no overdrafts.
- Only ``Bank.direct_debit``, ``Bank.pay_tab``, ``Bank.pay_ideal``, ``Bank.pay_sofort`` and the
  control desk send a direct debit, pay by a link, or add money by iDEAL and Sofort. A debit waits
  three days for an answer and is then paid, unless the account's ``sdd_expiration_action`` is
  AUTO_REJECT. A whitelisted debit is paid at once. For eight weeks the payer can ask for it back,
  and gets it at once. iDEAL waits half an hour; four banks take part; there is no payment page.
- A schedule whose start lies in the past begins from now on. A deleted schedule stays in the list
  of schedules as cancelled.
- The owner accepts a draft by an API call; at bunq this happens in the app. A user with whom an
  account is shared sees and does what the kind of access allows; its events and callbacks go to
  owners only.
- An account must be empty to be closed, and closing it ends what waits on it. Accounts at other
  banks are created at once, can be paid to, and not from.
- Currencies are exchanged at fixed rates. A quote lives five minutes, one of Wise thirty. Money
  that Wise sends leaves the books; the answer says that it arrives a day later. A user who asks for
  a quote is linked to Wise, where nobody has to log in.
- A rule that sorts incoming money sorts the payment that it is created for at once, and if it
  recurs, later payments of the same counterparty. Money that was sorted is not sorted again.
- The categories of payments, the way they are guessed, and the names of the query's members for
  insights are our own; ``Bank.categorise`` and the control desk choose another category.
- Cards are made at once. Only ``Bank.use_card``, ``Bank.challenge`` and the control desk use them:
  bunq has no call for it. The reasons for a refusal, except COUNTRY_NOT_PERMITTED, are our own. A
  web shop that asks the cardholder waits five minutes; the cardholder gets no message, and must
  know the id of the challenge request.
- A company that a person creates is a user of its own at once, with an account. It gets an API key
  by ``Bank.issue_key`` and the control desk, at bunq by the app.
- An invited co-owner accepts a joint account by changing its status to ACTIVE, and declines by
  CANCELLED: no call of bunq's is known for it.
- Callbacks go to https addresses. They also go to plain http on this machine, which bunq would
  refuse, for users who call from this machine. No redirect is followed, and no link-local address
  is called. Callbacks are signed with the bank's one key. Pinned certificates are stored, but not
  enforced.
- Statements are ready at once, and their days are Amsterdam's. The columns of a CSV are bunq's, the
  lines of MT940 and PDF our own. Invoices come only by ``Bank.bill`` and the control desk, at a
  rate of VAT of our own.
- On the OAuth page people enter their API key to say who they are, where bunq's app would scan a
  code, and choose among their accounts. A code buys its token for ten minutes. A consent is revoked
  by ``Bank.revoke`` or the control desk. What a provider's customer allowed ends after 90 days.
- An app's filters get the events of the accounts that it may see. Confirmation of funds is given to
  people too, not to CBPIIs alone. Bodies that the client encrypts are not decrypted.
- The texts of refusals for which no source shows bunq's are our own: too little money, an unknown
  counterparty, a missing field, a page that can't be asked for.
- Refusals are signed. bunq sends some (429, 491, 5xx) unsigned, and so does this bank when a fault
  causes them. Labels of accounts are left out where there is none, since bunq's SDK can't read a
  null there; all other fields of an item are always present.
- A date, a time or an enumerated value in a body is not checked where the resource is generic.

Which resources have rules
--------------------------
These have rules of their own, from what sources say about the real bank:

    additional-transaction-information-category,
    additional-transaction-information-category-user-defined, attachment, attachment-public,
    attachment-public.content, attachment.content, avatar, billing-contract-subscription,
    bunqme-tab, bunqme-tab-result-response, card, card-batch, card-batch-replace, card-credit,
    card-debit, card-name, card.export-statement-card, card.export-statement-card-csv,
    card.export-statement-card-pdf, card.export-statement-card.content, card.generated-cvc2,
    card.replace, certificate-pinned, challenge-request, chat-conversation.attachment.content,
    company, confirmation-of-funds, credential-password-ip, credential-password-ip.ip,
    currency-conversion, currency-conversion-quote, customer-statement,
    customer-statement.content, device, device-server, draft-payment, event, event.statement,
    event.statement.content, export-annual-overview, export-annual-overview.content, export-rib,
    export-rib.content, health-check, ideal-merchant-transaction, insight-preference-date,
    insights, insights-search, installation, installation.server-public-key, invoice,
    invoice.invoice-export, invoice.pdf-content, legal-name, limit, mastercard-action,
    mastercard-action.payment, monetary-account, monetary-account-bank, monetary-account-card,
    monetary-account-external, monetary-account-external-savings, monetary-account-joint,
    monetary-account-savings, notification-filter-email, notification-filter-failure,
    notification-filter-push, notification-filter-url, oauth-client, oauth-client.callback-url,
    payment, payment-auto-allocate, payment-auto-allocate.definition,
    payment-auto-allocate.instance, payment-batch, payment-service-provider-credential,
    payment-service-provider-draft-payment, payment-service-provider-issuer-transaction,
    request-inquiry, request-inquiry-batch, request-response, sandbox-user-company,
    sandbox-user-person, schedule, schedule-payment, schedule-payment-batch,
    schedule.schedule-instance, server-error, session, session-server,
    share-invite-monetary-account-inquiry, share-invite-monetary-account-response,
    sofort-merchant-transaction, token-qr-request-ideal, token-qr-request-sofort,
    transferwise-currency, transferwise-quote, transferwise-quote-temporary,
    transferwise-quote.transferwise-recipient,
    transferwise-quote.transferwise-recipient-requirement,
    transferwise-quote.transferwise-transfer,
    transferwise-quote.transferwise-transfer-requirement, transferwise-user, tree-progress, user,
    user-company, user-company.name, user-payment-service-provider, user-person,
    user.attachment.content, user.invoice, user.notification-filter-url,
    user.payment-auto-allocate, user.schedule, user.whitelist-sdd, whitelist-sdd,
    whitelist-sdd-one-off, whitelist-sdd-recurring.

These are kept generically: what is posted can be read, listed, changed and deleted where bunq has a
call for it, with every field of its type, and has no further effect. Where bunq has no call to
create one, as for fundraisers, announcements and what a switch of banks redirects, there is none
until ``Bank.place`` creates it. For CurrencyCloud no source says what a beneficiary must contain or
how a quote is read:

    bunqme-fundraiser-profile, bunqme-fundraiser-result, currency-cloud-beneficiary,
    currency-cloud-beneficiary-requirement, currency-cloud-payment-quote, feature-announcement,
    switch-service-payment.

Notes belong to twenty kinds of resources: ``note-text`` is kept generically, ``note-attachment``
checks that its file was uploaded to the same account.
"""

import warnings

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

_OLD_NAMES = {"Habits": "Quirks", "Office": "Admin"}


def __getattr__(name: str) -> object:
    """Return a public name, or a class by its name of version 0.1 with a warning."""
    if name not in _OLD_NAMES:
        return _load(name)
    new_name = _OLD_NAMES[name]
    warnings.warn(
        f"{__name__}.{name} is now called {new_name}, and the old name goes with the next release.",
        DeprecationWarning,
        stacklevel=2,
    )
    return _load(new_name)
