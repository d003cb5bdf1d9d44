import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

public class Tries {
  public static void main(String[] args) throws Exception {
    String auth = System.getenv("AUTH");
    HttpURLConnection c =
        (HttpURLConnection) new URI("https://acme-java-url-" + args[0] + ".s3.us-east-1.amazonaws.com/").toURL().openConnection();
    c.setRequestMethod("PUT");
    c.setRequestProperty("Authorization", auth);
    try (InputStream in = c.getResponseCode() < 400 ? c.getInputStream() : c.getErrorStream()) {
      System.out.println(c.getResponseCode() + " " + new String(in.readAllBytes()));
    } catch (Exception e) {
      System.out.println("error " + e);
    }
    HttpRequest r =
        HttpRequest.newBuilder(new URI("https://acme-java-client-" + args[0] + ".s3.us-east-1.amazonaws.com/"))
            .PUT(HttpRequest.BodyPublishers.noBody()).header("Authorization", auth).build();
    try {
      HttpResponse<String> a = HttpClient.newHttpClient().send(r, HttpResponse.BodyHandlers.ofString());
      System.out.println(a.statusCode() + " " + a.body());
    } catch (Exception e) {
      System.out.println("error " + e);
    }
  }
}
