#include "proxy/net/certificate.hpp"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace cutwater::net {

namespace {

constexpr std::size_t kMaxFile = 1024 * 1024;

struct BioFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioFree>;

BioPtr reader(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// A key that needs a passphrase is a problem to report: nobody is at the terminal to answer.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

// Reads all objects of one kind, or none when one is broken. `read` is one of OpenSSL's
// PEM_read_bio_*.
template <typename Owner, typename Read>
std::vector<Owner> all_in(const std::string& pem, Read read) {
  std::vector<Owner> found;
  const BioPtr bio = reader(pem);
  ERR_clear_error();
  while (auto* one = read(bio.get(), nullptr, no_passphrase, nullptr)) found.emplace_back(one);
  // OpenSSL reports the end of the text as an error; any other error means that something is
  // broken.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) found.clear();
  ERR_clear_error();
  return found;
}

std::string text_of(const ASN1_STRING* value) {
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, value);
  if (size < 0) return {};
  std::string text(reinterpret_cast<char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  // A name with a zero in it is an attack on readers that stop there.
  return text.find('\0') == std::string::npos ? text : std::string();
}

std::int64_t unix_time(const ASN1_TIME* at) {  // 0 = none
  std::tm time{};
  return at && ASN1_TIME_to_tm(at, &time) == 1 ? ::timegm(&time) : 0;
}

std::optional<Problem> check_ocsp(const std::string& path, const std::string& der) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  OCSP_RESPONSE* answer = d2i_OCSP_RESPONSE(nullptr, &bytes, static_cast<long>(der.size()));
  const bool good = answer && OCSP_response_status(answer) == OCSP_RESPONSE_STATUS_SUCCESSFUL;
  OCSP_RESPONSE_free(answer);
  ERR_clear_error();
  if (good) return std::nullopt;
  return Problem{"`" + path + "`: no OCSP answer in DER with status successful"};
}

// Returns the earliest nextUpdate (RFC 6960 4.2.1) in unix seconds; 0 if the answer does not say.
std::int64_t ocsp_next_update(const std::string& der) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  OCSP_RESPONSE* answer = d2i_OCSP_RESPONSE(nullptr, &bytes, static_cast<long>(der.size()));
  OCSP_BASICRESP* basic = answer ? OCSP_response_get1_basic(answer) : nullptr;
  std::int64_t until = 0;
  for (int i = 0; basic && i < OCSP_resp_count(basic); ++i) {
    ASN1_GENERALIZEDTIME* next = nullptr;
    OCSP_single_get0_status(OCSP_resp_get0(basic, i), nullptr, nullptr, nullptr, &next);
    const std::int64_t at = unix_time(next);
    if (at != 0 && (until == 0 || at < until)) until = at;
  }
  OCSP_BASICRESP_free(basic);
  OCSP_RESPONSE_free(answer);
  ERR_clear_error();
  return until;
}

}  // namespace

std::string lower(std::string_view name) {
  std::string text(name);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  return text;
}

std::variant<std::string, Problem> read_file(const std::string& path, bool secret) {
  const auto problem = [&path](const std::string& why) {
    return Problem{"`" + path + "`: " + why};
  };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return problem(std::string("cannot be read: ") + std::strerror(errno));
  struct stat status {};
  std::string text(kMaxFile + 1, '\0');
  std::size_t size = 0;
  ssize_t got = 0;
  const bool regular = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  while (regular && size < text.size()) {
    got = ::read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  const int error = errno;
  ::close(fd);
  if (!regular) return problem("is no regular file");
  if (got < 0) return problem(std::string("cannot be read: ") + std::strerror(error));
  if (size > kMaxFile) return problem("is larger than 1 MiB");
  if (secret && (status.st_mode & S_IROTH) != 0 && !path.starts_with("/run/secrets/"))
    return problem("is a private key that everybody may read; chmod o-r");
  text.resize(size);
  return text;
}

namespace {
template <typename Owner, typename Read>
std::variant<std::vector<Owner>, Problem> load_all(const std::string& path, const char* what,
                                                   Read read) {
  auto text = read_file(path);
  if (auto* problem = std::get_if<Problem>(&text)) return std::move(*problem);
  auto found = all_in<Owner>(std::get<std::string>(text), read);
  if (found.empty()) return Problem{"`" + path + "`: no " + what + " in PEM, or a broken one"};
  return found;
}
}  // namespace

std::variant<std::vector<X509Ptr>, Problem> load_bundle(const std::string& path) {
  return load_all<X509Ptr>(path, "certificate", &PEM_read_bio_X509);
}

std::variant<std::vector<X509CrlPtr>, Problem> load_revocations(const std::string& path) {
  auto loaded = load_all<X509CrlPtr>(path, "revocation list", &PEM_read_bio_X509_CRL);
  const auto* lists = std::get_if<std::vector<X509CrlPtr>>(&loaded);
  for (std::size_t i = 0; lists && i < lists->size(); ++i) {
    const ASN1_TIME* due = X509_CRL_get0_nextUpdate((*lists)[i].get());
    if (due && X509_cmp_current_time(due) < 0)
      return Problem{"`" + path + "`: a revocation list is out of date, the next was due"};
  }
  return loaded;
}

std::variant<Identity, Problem> load_identity(const config::CertificateFiles& files) {
  const std::string& key_path = files.key.empty() ? files.cert : files.key;
  auto certificates = load_bundle(files.cert);
  if (auto* problem = std::get_if<Problem>(&certificates)) return std::move(*problem);
  auto key_text = read_file(key_path, true);
  if (auto* problem = std::get_if<Problem>(&key_text)) return std::move(*problem);

  Identity identity;
  auto& found = std::get<std::vector<X509Ptr>>(certificates);
  identity.certificate = std::move(found.front());
  for (std::size_t i = 1; i < found.size(); ++i) identity.chain.push_back(std::move(found[i]));
  std::string& secret = std::get<std::string>(key_text);
  const BioPtr bio = reader(secret);
  identity.key.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  const bool locked = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_BAD_PASSWORD_READ;
  ERR_clear_error();
  OPENSSL_cleanse(secret.data(), secret.size());
  if (!identity.key)
    return Problem{"`" + key_path +
                   "`: " + (locked ? "the key is behind a passphrase" : "no private key in PEM")};
  const bool match = X509_check_private_key(identity.certificate.get(), identity.key.get()) == 1;
  ERR_clear_error();
  if (!match)
    return Problem{"`" + key_path + "`: the key does not belong to the certificate in `" +
                   files.cert + "`"};
  if (!files.ocsp.empty()) {
    auto ocsp = read_file(files.ocsp);
    if (auto* problem = std::get_if<Problem>(&ocsp)) return std::move(*problem);
    identity.ocsp = std::move(std::get<std::string>(ocsp));
    if (auto problem = check_ocsp(files.ocsp, identity.ocsp)) return std::move(*problem);
    identity.ocsp_until = ocsp_next_update(identity.ocsp);
  }
  return identity;
}

bool use_identity(SSL_CTX* context, const Identity& identity) {
  bool good = SSL_CTX_use_certificate(context, identity.certificate.get()) == 1 &&
              SSL_CTX_use_PrivateKey(context, identity.key.get()) == 1;
  for (const X509Ptr& link : identity.chain)
    good = good && SSL_CTX_add1_chain_cert(context, link.get()) == 1;
  return good;
}

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> names;
  auto* all = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; all && i < sk_GENERAL_NAME_num(all); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all, i);
    if (name->type != GEN_DNS) continue;
    if (std::string text = text_of(name->d.dNSName); !text.empty()) names.push_back(lower(text));
  }
  const bool has_alternatives = all != nullptr;
  GENERAL_NAMES_free(all);
  if (has_alternatives) return names;
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return names;
  std::string text = text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (!text.empty()) names.push_back(lower(std::move(text)));
  return names;
}

std::int64_t not_after_unix(const X509* certificate) {
  return unix_time(X509_get0_notAfter(certificate));
}

std::int64_t next_update_unix(const X509_CRL* list) {
  return unix_time(X509_CRL_get0_nextUpdate(list));
}

std::string subject_of(const X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  // Everything outside printable ASCII is escaped, so the text is safe in a header field.
  X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  const char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(std::max(0L, size)));
}

namespace {
// `digest` is X509_digest or X509_CRL_digest.
template <typename Object, typename Digest>
std::string fingerprint(const Object* object, Digest digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
  unsigned size = 0;
  if (digest(object, EVP_sha256(), bytes.data(), &size) != 1) return {};
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    text += kHex[bytes[i] >> 4];
    text += kHex[bytes[i] & 15];
  }
  return text;
}
}  // namespace

std::string fingerprint_of(const X509* certificate) {
  return fingerprint(certificate, &X509_digest);
}

std::string fingerprint_of(const X509_CRL* list) {
  return fingerprint(list, &X509_CRL_digest);
}

}  // namespace cutwater::net
